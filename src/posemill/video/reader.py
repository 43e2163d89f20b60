"""Sandboxed reader process for untrusted files: one that hangs, crashes or exceeds its memory is killed.

A file of a few kilobytes can make the libraries that read videos take gigabytes, and no timeout reaches into a
decoder. A reader serves one file after the other; it is replaced only when a file has ended it. Pictures come back
through shared memory, so that the sandbox costs one copy of each.
"""

from __future__ import annotations

import atexit
import json
import mmap
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import ReaderEnded, Unavailable, UnreadableMedia

MAX_MEMORY = 3 * 2**30  # bytes; 8K with all its reference pictures takes about one third
AHEAD_BYTES = 64 * 2**20  # pictures that wait for being fetched
MAX_AHEAD = 8
MAX_IDLE = 4  # of some 60 MB each


class Reader:
    """Sandboxed subprocess, see reader_main.py; it serves one request at a time."""

    def __init__(self) -> None:
        self.shared = os.memfd_create("posemill-pictures")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "posemill.video.reader_main", str(self.shared), str(MAX_MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(self.shared,),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )
        self._rest = b""

    def ask(self, name: str, timeout_s: float, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer. name: the file's, for error messages.

        Errors: UnreadableMedia; Unavailable of a camera; ReaderEnded when reading ended the process or took longer than
        `timeout_s`.
        """
        self.send(request)
        return self.answer(name, timeout_s, time.monotonic() + timeout_s)

    def send(self, request: dict[str, Any]) -> None:
        """Send a request, or what continues one. A reader that ended is noticed when it does not answer."""
        asks = self.process.stdin
        assert asks is not None
        with suppress(BrokenPipeError):
            asks.write(json.dumps(request).encode() + b"\n")
            asks.flush()

    def answer(self, name: str, timeout_s: float, until: float) -> dict[str, Any]:
        """Return the next answer, see `ask`. until: on time.monotonic."""
        line = self._line(until)
        if line is None:
            self.close()
            raise ReaderEnded(f"{name} cannot be read: it took longer than {timeout_s:.0f} s")
        if not line:
            self.close()
            raise ReaderEnded(
                f"{name} cannot be read: the reader ended, or needed more than {MAX_MEMORY >> 30} GB of memory"
            )
        answer: dict[str, Any] = json.loads(line)
        if "reason" in answer:
            raise (Unavailable if answer.get("error") == "Unavailable" else UnreadableMedia)(answer["reason"])
        return answer

    def _line(self, until: float) -> bytes | None:
        """The next line; empty when the process ended, None when it is late."""
        answers = self.process.stdout
        assert answers is not None
        while b"\n" not in self._rest:
            if not select.select([answers], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            if not (piece := os.read(answers.fileno(), 1 << 16)):
                return b""
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def write(self, content: bytes) -> None:
        """Write bytes to the shared memory."""
        os.ftruncate(self.shared, 0)
        os.ftruncate(self.shared, len(content))
        os.pwrite(self.shared, content, 0)

    def buffer(self, height: int, width: int) -> NDArray[np.uint8]:
        """Map (N, height, width, 3) uint8: pictures that the subprocess writes and this process reads."""
        ahead = min(MAX_AHEAD, max(2, AHEAD_BYTES // (height * width * 3)))
        os.ftruncate(self.shared, ahead * height * width * 3)
        memory = mmap.mmap(self.shared, ahead * height * width * 3)  # unmapped with the last array on it
        return np.frombuffer(memory, np.uint8).reshape(ahead, height, width, 3)

    def free_buffer(self) -> None:
        """Free the shared memory."""
        if self.shared >= 0:
            os.ftruncate(self.shared, 0)

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.poll() is None

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe and pipe.close()
        if self.shared >= 0:
            os.close(self.shared)
            self.shared = -1


class _Readers:
    """Pool of idle readers. A forked child has none of its parent's."""

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
            if reader.alive and reader.shared >= 0 and len(self.idle) < MAX_IDLE:
                self.idle.append(reader)
                return
        reader.close()

    def close(self) -> None:
        if self.owner == os.getpid():
            while self.idle:
                self.idle.pop().close()


readers = _Readers()
atexit.register(readers.close)


@contextmanager
def borrowed() -> Iterator[Reader]:
    """Borrow a reader for one file; it is reused afterwards, unless this file ended it."""
    reader = readers.take()
    try:
        yield reader
    finally:
        reader.free_buffer()
        readers.give(reader)
