"""Cameras and network streams, decoded in a sandboxed subprocess within bounded time and memory, see reader.py.

What a stream sends is foreign bytes: a decoder that crashes, hangs or grows at one frame ends its reader and not the
program that asked, which still has every frame before.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from posemill.video.camera import ASSUMED_FPS, is_live, newest, redacted_source, require_source
from posemill.video.decode import Frame
from posemill.video.reader import Reader
from posemill.video.sandboxed import received

SILENCE_S = 60.0  # without a picture, after which a reader counts as hung; OpenCV itself gives a stream half of it


class SandboxedCamera:
    """A camera (its number), network stream (URL) or file as `Camera` reads it, for the length of a `with`.

    Frames come once: `frames` and `newest_frames` share them.

    silence_s  the longest wait for a picture; None: SILENCE_S.
    Errors: those of `Camera`; ReaderEnded where decoding crashed, hung or needed too much memory.
    """

    def __init__(self, source: str, silence_s: float | None = None) -> None:
        require_source(source)
        self.source, self.live = source, is_live(source)
        self.fps = ASSUMED_FPS
        self._silence_s = SILENCE_S if silence_s is None else silence_s
        self._frames: Iterator[Frame] = iter(())
        self._reader: Reader | None = None

    def __enter__(self) -> Self:
        self._reader = Reader()  # of its own, ended with it: a stream has no end to wait for
        name = redacted_source(self.source)
        try:
            self._reader.send({"do": "camera", "source": self.source, "name": name})
            facts, self._frames = received(self._reader, name, self._silence_s, lasting=True)
        except BaseException:
            self._reader.close()
            raise
        self.fps = facts.get("fps", ASSUMED_FPS)
        return self

    def frames(self) -> Iterator[Frame]:
        """Yield every frame until the source ends. Live frames are stamped when they come, those of a file by it."""
        return self._frames

    def newest_frames(self) -> Iterator[Frame]:
        """Yield the newest frame each time one is asked for: frames that came meanwhile are dropped."""
        return newest(self._frames)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()
