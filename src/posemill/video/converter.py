"""Conversion of decoded frames to RGB as they are shown, all of one size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.container import open_video
from posemill.video.orientation import Orientation, orientation_of, shown_size
from posemill.video.probe import first_frame

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

SMALL_PX = 512 * 1024  # below, starting threads for a picture takes longer than making it RGB


class FrameConverter:
    """Frames to (H, W, 3) uint8 RGB as they are shown: rotated, mirrored, in square pixels.

    A stream may change its size or orientation (glued files, calls in which a phone is turned). The first picture
    decides the size; others are fitted into it in their own proportions and centred, with black beside them.

    orientation  of the first picture.
    """

    def __init__(self, path: Path) -> None:
        from av.video.reformatter import VideoReformatter

        first = first_frame(path)
        with open_video(path) as (_, stream, _):
            self._stored = (first.width, first.height)
            self._size = shown_size(stream, first.width, first.height)
            self._aspect = self._size[0] / first.width
        self.orientation = orientation_of(first)
        self._shown = _turned(self._size, self.orientation)
        self._threads = 1 if self._size[0] * self._size[1] < SMALL_PX else 0  # 0: as many as there are cores
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, orientation: Orientation) -> NDArray[np.uint8]:
        """Convert a frame that is shown in that orientation."""
        if (frame.width, frame.height) == self._stored and _turned(self._size, orientation) == self._shown:
            return orientation.apply(self._rgb(frame, self._size))
        shown = _turned((frame.width * self._aspect, frame.height), orientation)
        scale = min(self._shown[0] / shown[0], self._shown[1] / shown[1])
        width, height = (max(1, round(side * scale)) for side in shown)
        fitted = orientation.apply(self._rgb(frame, _turned((width, height), orientation)))
        image = np.zeros((self._shown[1], self._shown[0], 3), np.uint8)
        x, y = (self._shown[0] - width) // 2, (self._shown[1] - height) // 2
        image[y : y + height, x : x + width] = fitted
        return image

    def _rgb(self, frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        from av.error import FFmpegError

        try:
            picture = self._reformatter.reformat(frame, *size, "rgb24", threads=self._threads)
            return np.asarray(picture.to_ndarray(), np.uint8)
        except (FFmpegError, ValueError) as exc:
            raise UnreadableMedia(f"a picture in {frame.format.name} cannot be made RGB: {exc}") from exc


def _turned(size: tuple[Any, Any], orientation: Orientation) -> tuple[Any, Any]:
    """Width and height after (or before) the rotation."""
    return (size[1], size[0]) if orientation.swaps_sides else size
