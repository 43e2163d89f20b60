"""Record from a camera, a stream or another file into an MP4."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError, Unavailable

ASSUMED_FPS = 30.0  # cameras that do not say; frames carry their true time all the same


def record(
    source: str,
    target: Path,
    seconds: float,
    advance: Callable[[float], object] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Record `seconds` of a camera (its number), a stream's URL or a file; return the number of frames.

    Live frames are stamped when they come, frames of a file with the file's times.
    Errors: Unavailable when the source does not open or gives nothing; InputError for an impossible length.
    """
    from posemill.video.encode import VideoWriter

    if not seconds > 0:
        raise InputError(f"expected a length above 0 seconds, came {seconds:g}")
    capture, live = _open(source)
    written = 0
    try:
        fps = float(capture.get(_cv2().CAP_PROP_FPS)) or ASSUMED_FPS
        fps = fps if 1 <= fps <= 240 else ASSUMED_FPS
        frames = _frames(capture, live, clock, fps)
        first = next(frames, None)
        if first is None:
            raise Unavailable(f"{source} opened and gave no picture: is the camera in use by another program?")
        height, width = first[1].shape[:2]
        with VideoWriter(target, fps, width, height) as writer:
            last_s = -1.0
            for time_s, image in _chain(first, frames):
                if time_s >= seconds:
                    break
                if time_s - last_s < 1e-3:  # two frames at one moment: a stream that repeats itself
                    continue
                writer.write(image, time_s)
                written, last_s = written + 1, time_s
                advance(time_s)
    finally:
        capture.release()
    return written


def _open(source: str) -> tuple[Any, bool]:
    """The opened source, and whether it is live."""
    cv2 = _cv2()
    camera = source.isdigit()
    if not camera and "://" not in source and not Path(source).exists():
        raise InputError(f"{source} is neither a camera's number, a URL nor a file")
    capture = cv2.VideoCapture(int(source)) if camera else cv2.VideoCapture(source)
    if not capture.isOpened():
        capture.release()
        what = f"camera {source}" if camera else source
        raise Unavailable(f"{what} does not open: is it connected, allowed and not in use?")
    return capture, camera or "://" in source


def _frames(
    capture: Any, live: bool, clock: Callable[[], float], fps: float
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(seconds from the first frame, RGB picture) until the source ends."""
    cv2 = _cv2()
    begin: float | None = None
    number = 0
    while True:
        read, image = capture.read()
        if not read:
            return
        at = clock() if live else _file_time(capture, number, fps)
        begin = at if begin is None else begin
        yield at - begin, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        number += 1


def _file_time(capture: Any, number: int, fps: float) -> float:
    stamp = float(capture.get(_cv2().CAP_PROP_POS_MSEC)) / 1000
    return stamp if stamp > 0 or number == 0 else number / fps


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _cv2() -> Any:
    import cv2

    return cv2


def redacted_source(source: str) -> str:
    """Return the source without user, password and query, since it goes into the database and into reports.

    Examples:
        >>> redacted_source("rtsp://ann:secret@camera.local:554/live?token=x")
        'rtsp://camera.local:554/live'
    """
    if source.isdigit():
        return f"camera {source}"
    if "://" not in source:
        return Path(source).name
    from urllib.parse import urlsplit

    parts = urlsplit(source)
    host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    return f"{parts.scheme}://{host}{parts.path}"
