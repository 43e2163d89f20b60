"""Server process of a bento: started, waited for, always stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from posemill.errors import PosemillError, Unavailable
from posemill.serving.client import Client
from posemill.serving.kill_with_parent import with_parent

START_S = 180.0
STOP_S = 15.0
FAILED = "Application startup failed"  # how uvicorn says that a service's constructor raised


def command(bento: str, port: int, host: str = "127.0.0.1") -> list[str]:
    """Return the command line that serves a bento (a tag, or a folder)."""
    return [sys.executable, "-m", "bentoml", "serve", bento, "--host", host, "--port", str(port)]


@contextmanager
def serving(bento: str, env: Mapping[str, str], start_s: float = START_S) -> Iterator[Client]:
    """Serve `bento` on a free loopback port; yields a client once it is ready.

    env      of the server process, see packaging.bento.environment.
    start_s  how long it may take to be ready.
    Errors: PosemillError with the reason when the service refuses to start (a changed file, another labeller),
    Unavailable with the server's last lines when it does not come up. It is stopped in every case, also when this
    process is killed.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="posemill-serve-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                with_parent(command(bento, port)),
                env=dict(env),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            client = Client(f"http://127.0.0.1:{port}")
            _wait(client, process, log, start_s)
            yield client
        finally:
            stop(process)


def run_in_foreground(line: list[str], env: Mapping[str, str], url: str, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, SIGTERM or the server's own end; what the server says goes to `say`, line by line.

    url  where it will be ready; how long that took is said too.
    Errors: PosemillError with the sentence of a service that refuses to start (BentoML alone would start its worker
    again and again), Unavailable where it fails to start in another way or ends by itself.
    """
    started, client, ready = time.monotonic(), Client(url), threading.Event()
    process = subprocess.Popen(
        with_parent(line),
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    before = signal.signal(signal.SIGTERM, _interrupt)

    def announce() -> None:
        while process.poll() is None and not ready.wait(0.1):
            if client.ready():
                ready.set()
                say(f"ready after {time.monotonic() - started:.1f} s")

    threading.Thread(target=announce, daemon=True).start()
    words: deque[str] = deque(maxlen=200)
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            words.append(raw.decode(errors="replace").rstrip("\n"))
            say(words[-1])
            if FAILED in words[-1] and not ready.is_set():
                if says := _refusal("\n".join(words)):
                    raise PosemillError(f"the service does not start: {says}")
                raise Unavailable("the service does not start; its own words are above")
        raise Unavailable(f"the server ended by itself with code {process.wait()}; its own words are above")
    except KeyboardInterrupt:
        say("stopped")
    finally:
        ready.set()
        stop(process)
        process.stdout.close()
        signal.signal(signal.SIGTERM, before)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return True if a server could listen there now."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
    return True


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers (its own process group): asked first, then forced."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _wait(client: Client, process: subprocess.Popen[bytes], log: Path, start_s: float) -> None:
    until = time.monotonic() + start_s
    while not client.ready():
        if says := _refusal(log.read_text(errors="replace")):  # BentoML would start its worker again and again
            raise PosemillError(f"the service does not start: {says}")
        if process.poll() is not None or time.monotonic() > until:
            how = "ended" if process.poll() is not None else f"was not ready after {start_s:.0f} s"
            raise Unavailable(f"the service {how}; it said: {_last_lines(log)}")
        time.sleep(0.1)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _refusal(text: str) -> str | None:
    """Return the sentence of our own error with which a worker gave up, if it did."""
    found = re.findall(r"^posemill\.errors\.\w+: (.+)$", text, re.MULTILINE)
    return found[-1] if found and FAILED in text else None


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "nothing"
