"""Record from a camera, a stream or another file into an MP4."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from posemill.errors import InputError, Unavailable

SAME_S = 1e-3  # two frames at one moment: a stream that repeats itself


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
    from posemill.video.camera import Camera, redacted_source
    from posemill.video.encode import VideoWriter

    if not seconds > 0:
        raise InputError(f"expected a length above 0 seconds, came {seconds:g}")
    written, last_s = 0, -1.0
    with Camera(source, clock) as camera:
        frames = camera.frames()
        first = next(frames, None)
        if first is None:
            name = redacted_source(source)
            raise Unavailable(f"{name} opened and gave no picture: is the camera in use by another program?")
        height, width = first.image.shape[:2]
        with VideoWriter(target, camera.fps, width, height) as writer:
            for frame in chain([first], frames):
                if frame.time_s >= seconds:
                    break
                if frame.time_s - last_s < SAME_S:
                    continue
                writer.write(frame.image, frame.time_s)
                written, last_s = written + 1, frame.time_s
                advance(frame.time_s)
    return written
