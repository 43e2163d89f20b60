"""Probing a stranger's file in a process of its own: what hangs, crashes or eats memory is ended and told.

A file of a few kilobytes can make the libraries that read videos take gigabytes, and no timeout reaches into a
decoder. A reader serves one file after the other; it is replaced only when a file has ended it.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from posemill.errors import UnreadableMedia
from posemill.video.probe import VideoProbe, probe

MOST_MEMORY = 3 * 2**30  # bytes; 8K with all its reference pictures takes about one third
SLOWEST = 5e6  # bytes a second of reading
PATIENCE_S = 60.0


class Reader:
    """A process that probes files, one at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "posemill.video.apart"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def probe(self, path: Path, patience_s: float) -> VideoProbe:
        """What the file holds. Errors: UnreadableMedia, also when reading it ended the process or took too long."""
        answer = self._ask(os.fsencode(path.absolute()), time.monotonic() + patience_s)
        if answer is None:
            self.close()
            raise UnreadableMedia(f"{path.name} cannot be read: it took longer than {patience_s:.0f} s")
        if not answer.endswith(b"\n"):
            self.close()
            raise UnreadableMedia(
                f"{path.name} cannot be read: the reader ended, or needed more than {MOST_MEMORY >> 30} GB of memory"
            )
        says = json.loads(answer)
        if "reason" in says:
            raise UnreadableMedia(says["reason"])
        return VideoProbe(**says)

    def _ask(self, name: bytes, until: float) -> bytes | None:
        """The answer's line; less than a line when the process ended, None when it is late."""
        asks, answers = self.process.stdin, self.process.stdout
        assert asks is not None
        assert answers is not None
        with suppress(BrokenPipeError):
            asks.write(name.hex().encode() + b"\n")
            asks.flush()
        answer = b""
        while not answer.endswith(b"\n"):
            if not select.select([answers], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            if not (piece := os.read(answers.fileno(), 1 << 16)):
                break
            answer += piece
        return answer

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe and pipe.close()


class _Readers:
    """Readers that wait for the next file. A forked child has none of its parent's."""

    def __init__(self) -> None:
        self.idle: list[Reader] = []
        self.lock = threading.Lock()
        self.owner = os.getpid()

    def take(self) -> Reader:
        with self.lock:
            if self.owner != os.getpid():
                self.owner, self.idle = os.getpid(), []
            return self.idle.pop() if self.idle else Reader()

    def give(self, reader: Reader) -> None:
        with self.lock:
            if reader.alive:
                self.idle.append(reader)

    def close(self) -> None:
        if self.owner == os.getpid():
            while self.idle:
                self.idle.pop().close()


_readers = _Readers()
atexit.register(_readers.close)


def probe_apart(path: Path, patience_s: float | None = None) -> VideoProbe:
    """`probe` in another process, within bounded time and memory. For files that nobody has looked at yet.

    patience_s  how long it may take; by default a minute, and more for large files.
    """
    if patience_s is None:
        patience_s = PATIENCE_S + (path.stat().st_size if path.is_file() else 0) / SLOWEST
    reader = _readers.take()
    try:
        return reader.probe(path, patience_s)
    finally:
        _readers.give(reader)


def main() -> None:
    """The other process: a path a line (its bytes in hex), an answer a line."""
    with suppress(ImportError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints does not disturb
    for line in sys.stdin:
        path = Path(os.fsdecode(bytes.fromhex(line.strip())))
        try:
            says = asdict(probe(path))
        except UnreadableMedia as exc:
            says = {"reason": str(exc)}
        except MemoryError:
            says = {"reason": f"{path.name} cannot be read: it needs more than {MOST_MEMORY >> 30} GB of memory"}
        print(json.dumps(says), file=answers, flush=True)


if __name__ == "__main__":
    main()
