"""Subprocess of reader.py: a request a line, answers a line each, within bounded memory and without writing files.

{"do": "probe", "path": HEX}                            → the fields of VideoProbe
{"do": "frames", "path": HEX, "stride", "start", "end"} → {"height", "width"}, then, once {"ahead": N} has come and
                                                          the shared memory has room for N pictures, {"index", "time_s"}
                                                          for each (the n-th is in place n % N; {"back": M} frees M of
                                                          them),
                                                          and {"end": true}
{"do": "frame", "path": HEX, "time_s"}                  → the same for the one frame that is shown then
{"do": "camera", "source", "name"}                      → the same for the frames of a stream as they come, with
                                                          {"fps"} beside height and width
{"do": "picture", "bytes": N, "name"}                   → the same for the picture file in the shared memory
Instead of any of them {"reason": sentence}, for a camera that does not open with {"error": "Unavailable"}.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import Unavailable, UnreadableMedia
from posemill.video import container
from posemill.video.camera import Camera
from posemill.video.decode import Frame, read_frame, read_frames
from posemill.video.picture_file import decode_picture
from posemill.video.probe import probe

OLD_CODECS_SETTING = "POSEMILL_OLD_CODECS"
# written until about 2005, by decoders that hardly anybody looks after
OLD_CODECS = frozenset(["cinepak", "indeo3", "indeo4", "indeo5", "svq1", "svq3", "msvideo1"])


def main() -> None:
    """Answer requests until the input ends."""
    if os.environ.get(OLD_CODECS_SETTING) != "1":
        container.CODECS = tuple(name for name in container.CODECS if name not in OLD_CODECS)
    shared, max_memory = int(sys.argv[1]), int(sys.argv[2])
    import av  # noqa: F401  # what is needed, before memory is bounded
    import cv2  # noqa: F401
    import PIL.Image  # noqa: F401

    _limit_memory(max_memory)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints does not disturb

    def say(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    for line in sys.stdin:
        request = json.loads(line)
        if "do" not in request:  # frees places after the last frame
            continue
        name = request.get("name") or _path(request).name
        try:
            if request["do"] == "probe":
                say(**asdict(probe(_path(request))))
            elif request["do"] == "camera":
                with Camera(request["source"]) as camera:
                    _send_frames(_of_one_size(camera, name), shared, say, fps=camera.fps)
            else:
                _send_frames(_frames(request, shared), shared, say)
        except (UnreadableMedia, Unavailable) as exc:
            say(reason=str(exc), error=type(exc).__name__)
        except MemoryError:
            say(reason=f"{name} cannot be read: it needs more than {max_memory >> 30} GB of memory")


def _limit_memory(max_memory: int) -> None:
    with suppress(ImportError):  # not on every system
        import resource

        for what, most in ((resource.RLIMIT_DATA, max_memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(what, (most, most))


def _path(request: dict[str, Any]) -> Path:
    return Path(os.fsdecode(bytes.fromhex(request["path"])))


def _frames(request: dict[str, Any], shared: int) -> Iterator[Frame]:
    if request["do"] == "picture":
        yield Frame(0, 0.0, decode_picture(os.pread(shared, request["bytes"], 0), request["name"]))
    elif request["do"] == "frame":
        yield read_frame(_path(request), request["time_s"])
    else:
        yield from read_frames(_path(request), request["stride"], request["start"], request["end"])


def _of_one_size(camera: Camera, name: str) -> Iterator[Frame]:
    shape: tuple[int, ...] = ()
    for frame in camera.frames():
        shape = shape or frame.image.shape
        if frame.image.shape != shape:
            before, now = (f"{s[1]}x{s[0]}" for s in (shape, frame.image.shape))
            raise UnreadableMedia(f"{name} changed the size of its pictures from {before} to {now}")
        yield frame


def _send_frames(frames: Iterator[Frame], shared: int, say: Callable[..., None], **facts: Any) -> None:
    """Write frames to the shared memory, no more ahead than it holds. facts: said with the size of the first."""
    first = next(frames, None)
    if first is None:
        say(end=True)
        return
    height, width, _ = first.image.shape
    say(height=height, width=width, **facts)
    ahead = _continuation()["ahead"]
    memory = mmap.mmap(shared, ahead * height * width * 3)  # unmapped with the array on it
    buffer = np.frombuffer(memory, np.uint8).reshape(ahead, height, width, 3)
    free = ahead
    for number, frame in enumerate(chain([first], frames)):
        while not free:
            free += _continuation()["back"]
        free -= 1
        buffer[number % ahead] = frame.image
        say(index=frame.index, time_s=frame.time_s)
    say(end=True)


def _continuation() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:  # nobody waits for the rest
        sys.exit(0)
    continuation: dict[str, Any] = json.loads(line)
    return continuation


if __name__ == "__main__":
    main()
