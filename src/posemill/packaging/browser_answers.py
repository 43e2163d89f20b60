"""Answers of the live page to golden clips, from a headless Chromium: the browser's side of `posemill parity`.

The exported folder is served on loopback; its check.html asks the model and posts the answers back. It needs nothing
but Chromium.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError, PosemillError
from posemill.live_page import MEDIA_TYPES, STATIC
from posemill.prediction.classifier import WindowClassifier
from posemill.prediction.golden import GoldenClip, GoldenTrack, answer

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WAIT_S = 120.0
MOST_BYTES = 64 * 2**20


def browser_answers(export: Path, model: WindowClassifier, tracks: Sequence[GoldenTrack]) -> list[GoldenClip]:
    """Return the browser's answers to the golden clips of an export, in the order of these tracks.

    Inputs and logits, which the page does not send, are the model's own.
    Errors: InputError without Chromium, or where the export has other clips; PosemillError with the page's sentence.
    """
    by_name = {clip["name"]: clip for clip in asked(export)}
    if missing := [track.name for track in tracks if track.name not in by_name]:
        raise InputError(f"{export} has other golden clips (no {missing[0]}): export the model again")
    return [_clip(answer(model, track), by_name[track.name]) for track in tracks]


def absent() -> str | None:
    """Return the reason why the browser cannot be asked here; None where it can."""
    if not (STATIC / "index.html").is_file():
        return "the live page was not built (make web)"
    return None if _program() else f"none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)"


def _program() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def asked(export: Path) -> list[dict[str, Any]]:
    """Return the answers as the page sends them: name, spans, probabilities, verdict and segments of every clip."""
    program = _program()
    if program is None:
        raise InputError(f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)")
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    with _served(export, answers) as address, _browser(program, f"{address}/check.html"):
        try:
            content = answers.get(timeout=WAIT_S)
        except queue.Empty:
            raise PosemillError(f"{program} did not answer within {WAIT_S:.0f} s: does it start here?") from None
    if "error" in content:
        raise PosemillError(f"the page in {export}: {content['error']}")
    return list(content["clips"])


def _clip(own: GoldenClip, said: dict[str, Any]) -> GoldenClip:
    classes = own.probabilities.shape[1]
    return replace(
        own,
        spans=np.array(said["spans"], np.float64).reshape(-1, 2),
        probabilities=np.array(said["probabilities"], np.float32).reshape(-1, classes),
        verdict=said["verdict"],
        timeline=said["segments"],
    )


class _Handler(SimpleHTTPRequestHandler):
    """The export's files, and the answers that its page posts."""

    extensions_map = MEDIA_TYPES | {"": "application/octet-stream"}

    def __init__(self, *args: Any, answers: queue.Queue[dict[str, Any]], directory: str) -> None:
        self._answers = answers
        super().__init__(*args, directory=directory)

    def do_POST(self) -> None:
        """Take the answers."""
        length = int(self.headers.get("content-length", 0))
        if self.path != "/answers" or not 0 < length <= MOST_BYTES:
            return self.send_error(400)
        self._answers.put(json.loads(self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


@contextmanager
def _served(folder: Path, answers: queue.Queue[dict[str, Any]]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, answers=answers, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _browser(program: str, url: str) -> Iterator[None]:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with its sandbox
    with tempfile.TemporaryDirectory(prefix="posemill-browser-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, *root, f"--user-data-dir={profile}", url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
