"""Untrusted files, decoded in a sandboxed subprocess within bounded time and memory, see reader.py."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import PosemillError, UnreadableMedia
from posemill.telemetry import trace
from posemill.video.decode import Frame
from posemill.video.probe import VideoProbe
from posemill.video.reader import Reader, borrowed

MIN_BYTES_PER_S = 5e6  # bytes a second of reading
MIN_PIXELS_PER_S = 5e6  # pixels a second of decoding; ten times slower than one busy core
MIN_FRAME_S = 0.05  # that any frame may take
TIMEOUT_S = 60.0


def probe_sandboxed(path: Path, timeout_s: float | None = None) -> VideoProbe:
    """Probe an untrusted file in a sandboxed subprocess, within bounded time and memory.

    timeout_s  time limit; by default a minute, and more for large files.
    """
    with borrowed() as reader:
        return VideoProbe(**reader.ask(path.name, _timeout_s(path, timeout_s), do="probe", path=_hex(path)))


def read_frames_sandboxed(
    path: Path, stride: int = 1, start: int = 0, end: int | None = None, timeout_s: float | None = None
) -> Iterator[Frame]:
    """Decode an untrusted file in a sandboxed subprocess, a few frames ahead.

    Frames and errors are those of `read_frames`, and UnreadableMedia for a file that takes too much memory or time,
    counting only the time that this process waits for it.

    timeout_s  for opening the file; every frame adds what a slow machine needs for its pixels.
    """
    return trace.watched("decode", _read_frames(path, stride, start, end, timeout_s), "frames")


def _read_frames(
    path: Path, stride: int, start: int, end: int | None, timeout_s: float | None
) -> Generator[Frame, None, None]:
    with borrowed() as reader:
        reader.send({"do": "frames", "path": _hex(path), "stride": stride, "start": start, "end": end})
        yield from _shown(reader, path.name, _timeout_s(path, timeout_s))


def read_frame_sandboxed(path: Path, time_s: float, timeout_s: float | None = None) -> Frame:
    """Return the frame of an untrusted file that is shown at `time_s`, as `read_frame` does.

    timeout_s  time limit; by default a minute, and more for large files.
    Errors: UnreadableMedia; ReaderEnded for a file that takes too much memory or time.
    """
    with borrowed() as reader:
        reader.send({"do": "frame", "path": _hex(path), "time_s": time_s})
        (frame,) = _shown(reader, path.name, _timeout_s(path, timeout_s))
    return frame


def read_picture_sandboxed(content: bytes, name: str, timeout_s: float = TIMEOUT_S) -> NDArray[np.uint8]:
    """Decode an untrusted JPEG, PNG or WebP file to (H, W, 3) uint8 RGB, upright. Errors: UnreadableMedia."""
    with borrowed() as reader:
        reader.write(content)
        reader.send({"do": "picture", "bytes": len(content), "name": name})
        (frame,) = _shown(reader, name, timeout_s)
    return frame.image


def received(
    reader: Reader, name: str, timeout_s: float, *, lasting: bool = False
) -> tuple[dict[str, Any], Generator[Frame, None, None]]:
    """Return what the reader says of its frames (nothing where there is none), and the frames, once asked for.

    A caller that stops before the last one ends the reader.

    timeout_s  for the first frame; every other adds what a slow machine needs for its pixels.
    lasting    every frame may take that long, as those of a camera do.
    """
    try:
        facts = reader.answer(name, timeout_s, time.monotonic() + timeout_s)
    except PosemillError:
        raise
    except BaseException:  # interrupted: an answer would come to the next one who asks
        reader.close()
        raise
    if "end" in facts:
        return {}, _no_frames()
    return facts, _pictures(reader, name, timeout_s, facts["height"], facts["width"], lasting)


def _no_frames() -> Generator[Frame, None, None]:
    yield from ()


def _shown(reader: Reader, name: str, timeout_s: float) -> Iterator[Frame]:
    yield from received(reader, name, timeout_s)[1]


def _pictures(
    reader: Reader, name: str, timeout_s: float, height: int, width: int, lasting: bool
) -> Generator[Frame, None, None]:
    complete = False
    left_s = timeout_s
    try:
        buffer = reader.buffer(height, width)
        reader.send({"ahead": len(buffer)})
        for number in count(1):
            asked_at = time.monotonic()
            answer = reader.answer(name, timeout_s, asked_at + left_s)
            if "end" in answer:
                complete = True
                return
            left_s += max(MIN_FRAME_S, height * width / MIN_PIXELS_PER_S) - (time.monotonic() - asked_at)
            left_s = timeout_s if lasting else min(left_s, timeout_s)
            image = buffer[(number - 1) % len(buffer)].copy()
            if number % (len(buffer) // 2) == 0:  # together, since every message wakes the other process
                reader.send({"back": len(buffer) // 2})
            yield Frame(answer["index"], answer["time_s"], image)
    except UnreadableMedia:
        complete = True  # it said so itself, or is closed already
        raise
    finally:
        if not complete:
            reader.close()


def _timeout_s(path: Path, given: float | None) -> float:
    if given is not None:
        return given
    return TIMEOUT_S + (path.stat().st_size if path.is_file() else 0) / MIN_BYTES_PER_S


def _hex(path: Path) -> str:
    return os.fsencode(path.absolute()).hex()
