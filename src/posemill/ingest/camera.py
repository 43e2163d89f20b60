"""Record from a camera, a stream or another file into an MP4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError, Unavailable, UnreadableMedia

if TYPE_CHECKING:
    from posemill.video.decode import Frame

SAME_S = 1e-3  # two frames at one moment: a stream that repeats itself


def record(
    source: str,
    target: Path,
    seconds: float,
    advance: Callable[[float], object] = lambda _: None,
    log: Callable[[str], object] = lambda _: None,
) -> int:
    """Record `seconds` of a camera (its number), a stream's URL or a file; return the number of frames.

    Live frames are stamped when they come, frames of a file with the file's times. They are decoded in a sandboxed
    process: a stream that crashes, hangs or outgrows it at some frame ends there, as one that is lost, and what came
    before is kept.

    log  gets a sentence where a stream gave less than was asked for.
    Errors: UnreadableMedia when no frame decodes; Unavailable when the source does not open or gives nothing;
    InputError for an impossible length.
    """
    from posemill.video.camera import redacted_source
    from posemill.video.encode import VideoWriter
    from posemill.video.sandboxed_camera import SandboxedCamera

    if not seconds > 0:
        raise InputError(f"expected a length above 0 seconds, came {seconds:g}")
    written, last_s = 0, -1.0
    with SandboxedCamera(source) as camera:
        frames = _until_it_fails(camera.frames(), log)
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


def _until_it_fails(frames: Iterator[Frame], log: Callable[[str], object]) -> Iterator[Frame]:
    last_s: float | None = None
    try:
        for frame in frames:
            yield frame
            last_s = frame.time_s
    except UnreadableMedia as exc:
        if last_s is None:
            raise
        log(f"{exc}; the {last_s:.1f} s before are kept")
