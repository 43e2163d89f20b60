"""`posemill serve` and `posemill try`: serve the newest bento by HTTP, and send it files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.errors import InputError, PosemillError, Unavailable

if TYPE_CHECKING:
    from posemill.serving.client import Client
    from posemill.settings import Settings

ADDRESS = "http://127.0.0.1:3000"
GALLERY = "POSEMILL_GALLERY"


@click.command()
@click.option("--bento", help="Tag of another bento; default: the newest of this workspace.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 = all.")
@click.option("--small", is_flag=True, help="Only the small service: keypoints, no videos, no OpenPifPaf.")
@click.option("--open", "open_to_all", is_flag=True, help="Answer everybody who can reach --host, without a key.")
def serve(bento: str | None, port: int, host: str, small: bool, open_to_all: bool) -> None:
    """Serve the newest bento of this workspace until Ctrl-C.

    \b
    The page for clients is /uat, the live page /live-page/, the endpoints are described at /docs, limits and keys in
    docs/howto/secure.md.
      posemill serve
      posemill serve --small --port 3100
      posemill keys add acme; posemill serve --host 0.0.0.0
      curl -F video=@clip.mp4 http://127.0.0.1:3000/analyse_video
    """
    from posemill.operations.accept import package_tags
    from posemill.packaging.bento import environment
    from posemill.serving import startup_policy
    from posemill.serving.middleware.limits import REQUIRE_KEYS
    from posemill.serving.server import command, port_is_free, run_in_foreground
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    settings = Settings.from_env()
    tag = bento or package_tags(Workspace(settings.workspace), settings)["activity" if small else "analysis"]
    if not port_is_free(port, host):
        raise Unavailable(f"port {port} of {host} is taken: choose another with --port, or stop what listens there")
    required = os.environ.get(REQUIRE_KEYS, "") not in ("", "0")
    from_policy = startup_policy.service_environment(settings, host, open_to_all=open_to_all, required=required)
    reached = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else host
    address = f"http://{reached}:{port}"
    click.echo(f"{tag} on {host}: {address}/uat for people, {address}/docs for programs (Ctrl-C stops it)", err=True)
    run_in_foreground(
        command(tag, port, host),
        {**environment(settings.home), **gallery(settings), **from_policy},
        address,
        lambda line: click.echo(line, err=True),
    )


def gallery(settings: Settings) -> dict[str, str]:
    """Return the workspace's folder of clips for the page, where it has one and the environment names no other."""
    folder = settings.workspace / "gallery"
    return {GALLERY: str(folder)} if folder.is_dir() and GALLERY not in os.environ else {}


@click.command("try")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default=ADDRESS, show_default=True, help="Where the service is.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, with all that the service answered.")
def try_(files: tuple[Path, ...], url: str, as_json: bool) -> None:
    """Send videos to a running service and show what it answers.

    \b
    A .npy file is taken as windows (N, T, K, 3) in pixels; anything else is sent as a video. Where the service wants
    a key, POSEMILL_KEY has it.
      posemill try clip.mp4 other.mov
      posemill try build/prepare/windows.npy --json
    """
    from posemill.serving.client import Client
    from posemill.settings import Settings

    client = Client(url, key=Settings.from_env().key)
    if not client.ready():
        raise Unavailable(f"no service is ready at {url}: start one with `posemill serve`")
    failed = 0
    if not as_json:
        click.echo(f"{'file':32}  {'activity':20}  probability  seconds")
    for file in files:
        started = time.monotonic()
        try:
            answer = _predict(client, file)
        except (InputError, PosemillError) as exc:
            failed += 1
            answer = {"activity": None, "probability": None, "note": str(exc)}
        answer = {"file": str(file), "seconds": round(time.monotonic() - started, 2), **answer}
        click.echo(json.dumps(answer) if as_json else _row(answer))
    if failed:
        raise SystemExit(1)


def _predict(client: Client, file: Path) -> dict[str, Any]:
    if file.suffix == ".npy":
        return _predict_windows(client, file)
    answer = client.analyse_video(file)
    top: dict[str, Any] = {"activity": None, "probability": None, "note": answer.note}
    if answer.verdict is not None:
        top |= {"activity": answer.verdict.activity, "probability": answer.verdict.probability}
    return {**top, "answer": answer.model_dump(mode="json")}


def _predict_windows(client: Client, file: Path) -> dict[str, Any]:
    """Return the most frequent activity over all windows of the file."""
    import numpy as np

    try:
        windows = np.load(file, allow_pickle=False)
    except (ValueError, OSError) as exc:
        raise InputError(f"{file} is not a file of windows that numpy reads: {exc}") from exc
    answer = client.predict_windows(windows)
    counts = {a: answer.activities.count(a) for a in answer.classes}
    activity = max(counts, key=lambda a: counts[a])
    mean = np.mean([p[answer.classes.index(activity)] for p in answer.probabilities])
    note = f"{counts[activity]} of {len(answer.activities)} windows"
    return {
        "activity": activity,
        "probability": float(mean),
        "note": note,
        "answer": answer.model_dump(mode="json"),
    }


def _row(answer: dict[str, Any]) -> str:
    probability = "" if answer["probability"] is None else f"{answer['probability']:.2f}"
    note = f"  {answer['note']}" if answer["note"] else ""
    name = Path(answer["file"]).name
    return f"{name[:32]:32}  {(answer['activity'] or '-')[:20]:20}  {probability:>11}  {answer['seconds']:7.2f}{note}"
