"""Strangers' files, read in a process of its own within bounded time and memory, see reader.py."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.decode import Frame
from posemill.video.probe import VideoProbe
from posemill.video.reader import Reader, borrowed

SLOWEST = 5e6  # bytes a second of reading
SLOWEST_PX = 5e6  # pixels a second of decoding; ten times slower than one busy core
LEAST_S = 0.05  # that any frame may take
PATIENCE_S = 60.0


def probe_sandboxed(path: Path, patience_s: float | None = None) -> VideoProbe:
    """`probe` in another process, within bounded time and memory. For files that nobody has looked at yet.

    patience_s  how long it may take; by default a minute, and more for large files.
    """
    with borrowed() as reader:
        return VideoProbe(**reader.ask(path.name, _patience_s(path, patience_s), do="probe", path=_hex(path)))


def read_frames_sandboxed(
    path: Path, stride: int = 1, start: int = 0, end: int | None = None, patience_s: float | None = None
) -> Iterator[Frame]:
    """`read_frames`, decoded in another process, a few frames ahead. The same frames and errors, and UnreadableMedia
    for a file that takes too much memory or time, counting only the time that this process waits for it.

    patience_s  for opening the file; every frame adds what a slow machine needs for its pixels.
    """
    with borrowed() as reader:
        reader.say({"do": "frames", "path": _hex(path), "stride": stride, "start": start, "end": end})
        yield from _shown(reader, path.name, _patience_s(path, patience_s))


def read_picture_sandboxed(content: bytes, name: str, patience_s: float = PATIENCE_S) -> NDArray[np.uint8]:
    """A JPEG, PNG or WebP file's (H, W, 3) uint8 RGB, upright. Errors: UnreadableMedia."""
    with borrowed() as reader:
        reader.write(content)
        reader.say({"do": "picture", "bytes": len(content), "name": name})
        (frame,) = _shown(reader, name, patience_s)
    return frame.image


def _shown(reader: Reader, name: str, patience_s: float) -> Iterator[Frame]:
    """Frames as the reader shows them. Whoever stops before the last one costs the reader its life."""
    whole = False
    left_s = patience_s
    try:
        says = reader.answer(name, patience_s, time.monotonic() + left_s)
        if "end" in says:
            whole = True
            return
        height, width = says["height"], says["width"]
        room = reader.room(height, width)
        reader.say({"ahead": len(room)})
        for number in count(1):
            asked_at = time.monotonic()
            says = reader.answer(name, patience_s, asked_at + left_s)
            if "end" in says:
                whole = True
                return
            left_s += max(LEAST_S, height * width / SLOWEST_PX) - (time.monotonic() - asked_at)
            left_s = min(left_s, patience_s)
            image = room[(number - 1) % len(room)].copy()
            if number % (len(room) // 2) == 0:  # together, since every message wakes the other process
                reader.say({"back": len(room) // 2})
            yield Frame(says["index"], says["time_s"], image)
    except UnreadableMedia:
        whole = True  # it said so itself, or is closed already
        raise
    finally:
        if not whole:
            reader.close()


def _patience_s(path: Path, said: float | None) -> float:
    if said is not None:
        return said
    return PATIENCE_S + (path.stat().st_size if path.is_file() else 0) / SLOWEST


def _hex(path: Path) -> str:
    return os.fsencode(path.absolute()).hex()
