"""Encoding: H.264 video that every browser plays."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.atomic import atomic_path
from posemill.errors import InputError

TICKS_PER_S = 90_000  # 10, 12.5, 15, 24, 25, 29.97, 30 and 60 frames a second all fall on whole ticks


class VideoWriter:
    """Write pictures into an MP4 (H.264, yuv420p, index at the front); a context manager.

    The file appears under its name only when the block ends without an error; nothing half-written is ever left.
    H.264 in yuv420p needs even sides: an odd side gets one more column or row, a copy of the last, so pixel
    coordinates stay as they are. The same pictures give the same bytes: one encoder thread, and no macroblock tree,
    since x264's assembly for it reads memory that nobody wrote, which changed one file in some hundreds.

    path                 the file; its folder is made.
    fps                  frames per second, > 0; also the distance between frames that come without a time.
    width_px, height_px  of the pictures.
    crf                  x264's quality, 0 (lossless) to 51; 23 is a usual camera's.
    preset               x264's effort, such as "veryfast".
    """

    def __init__(
        self, path: Path, fps: float, width_px: int, height_px: int, *, crf: int = 20, preset: str = "veryfast"
    ) -> None:
        if not 0 < fps <= 1000 or width_px < 1 or height_px < 1:
            raise InputError(
                f"{path}: a video needs fps in (0, 1000] and a size of at least 1×1, "
                f"came fps {fps} and size {width_px}×{height_px}"
            )
        self.path = Path(path)
        self.fps = fps
        self.width_px, self.height_px = width_px, height_px
        self._options = {"crf": str(crf), "preset": preset, "bf": "0", "threads": "1", "x264-params": "mbtree=0"}
        self._replacing = ExitStack()
        self._last_tick = -1
        self._next_s = 0.0
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> VideoWriter:
        import av

        part = self._replacing.enter_context(atomic_path(self.path))
        self._container = av.open(str(part), "w", format="mp4", options={"movflags": "faststart"})
        self._container.flags |= av.container.core.Flags.bitexact.value  # no library version in the bytes
        rate = Fraction(self.fps).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate, options=self._options)
        stream.width, stream.height = self.width_px + self.width_px % 2, self.height_px + self.height_px % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.gop_size = max(1, round(2 * self.fps))  # two seconds: seeking stays quick
        self._stream = stream
        return self

    def write(self, image: NDArray[np.uint8], time_s: float | None = None) -> None:
        """Add one picture.

        image   (height_px, width_px, 3) uint8 RGB.
        time_s  seconds from the start, later than the picture before; None = one frame after it.
        """
        if self._stream is None:
            raise InputError(f"{self.path}: use VideoWriter in a with block")
        if image.shape != (self.height_px, self.width_px, 3) or image.dtype != np.uint8:
            raise InputError(
                f"{self.path}: expected a picture ({self.height_px}, {self.width_px}, 3) uint8, "
                f"came {image.shape} {image.dtype}"
            )
        time_s = self._next_s if time_s is None else time_s
        tick = round(time_s * TICKS_PER_S)
        if tick <= self._last_tick:
            raise InputError(f"{self.path}: times must increase from 0, came {time_s} s after {self._last_s:.4f} s")
        self._encode(image, tick)
        self._last_tick, self._next_s = tick, time_s + 1 / self.fps

    @property
    def _last_s(self) -> float:
        return self._last_tick / TICKS_PER_S

    def _encode(self, image: NDArray[np.uint8], tick: int) -> None:
        import av

        if self.width_px % 2 or self.height_px % 2:
            image = np.pad(image, ((0, self.height_px % 2), (0, self.width_px % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_S)
        frame.duration = round(TICKS_PER_S / self.fps)
        self._container.mux(self._stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        try:
            if kind is None:
                if self._last_tick < 0:
                    raise InputError(f"{self.path}: no picture was written, so there is no video")
                self._container.mux(stream.encode(None))
            self._container.close()
        except BaseException as failure:
            self._replacing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._replacing.__exit__(kind, error, trace)
