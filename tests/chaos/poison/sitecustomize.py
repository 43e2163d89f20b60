"""A decoder that crashes, hangs or takes all memory at one picture, in the sandboxed reader alone.

Found by a reader because this folder is on its path; CHAOS_POISON is `crash|hang|memory:video:frame` of the stand-in.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any


def _poisoned(read: Callable[..., Iterator[Any]], what: str, video: int, frame: int) -> Callable[..., Iterator[Any]]:
    from stand_in_labeller import number

    def frames(*arguments: Any, **options: Any) -> Iterator[Any]:
        for picture in read(*arguments, **options):
            if number(picture.image) == (video, frame):
                _strike(what)
            yield picture

    return frames


def _strike(what: str) -> None:
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "hang":
        time.sleep(3600)
    else:
        hoard = []
        while True:
            hoard.append(bytearray(1 << 26))


if "posemill.video.reader_main" in sys.orig_argv and "CHAOS_POISON" in os.environ:
    from posemill.video import camera, decode

    _what, _video, _frame = os.environ["CHAOS_POISON"].split(":")
    decode.read_frames = _poisoned(decode.read_frames, _what, int(_video), int(_frame))
    camera.Camera.frames = _poisoned(camera.Camera.frames, _what, int(_video), int(_frame))  # type: ignore[method-assign]
