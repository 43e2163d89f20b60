"""Display orientation: the rotation, flip and pixel aspect ratio with which a container asks to show its pictures.

A display matrix (`tkhd` of MP4 and QuickTime, display orientation SEI of H.264 and HEVC) may rotate by quarters and
mirror: the eight symmetries of a rectangle. A pixel aspect ratio other than 1 (DV, DVD, HDV, many recorders) stretches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SQUARE = 0.01  # scaling to even sides leaves ratios such as 1024:1025, which nobody sees and resampling would blur
MOST_STRETCH = 8  # of one side; DVD's widest is 1.46, and more is a damaged header


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which a stored picture is shown: rotated first, then mirrored.

    rotation  degrees clockwise: 0, 90, 180 or 270.
    mirrored  left and right are exchanged after the rotation.
    """

    rotation: int = 0
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """True if the shown picture is as wide as the stored one is high."""
        return self.rotation % 180 == 90

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Show a stored picture. image: (H, W, ...) → (H, W, ...) or (W, H, ...), contiguous.

        Examples:
            >>> stored = np.array([[1, 2], [3, 4]], np.uint8)
            >>> Orientation(90).apply(stored).tolist()
            [[3, 1], [4, 2]]
            >>> Orientation(0, mirrored=True).apply(stored).tolist()
            [[2, 1], [4, 3]]
        """
        import cv2

        turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        turn = turns.get(self.rotation)
        shown = image if turn is None else cv2.rotate(image, turn)
        return np.ascontiguousarray(cv2.flip(shown, 1) if self.mirrored else shown, np.uint8)


ORIENTATIONS = tuple(Orientation(90 * quarters, mirrored) for mirrored in (False, True) for quarters in range(4))


def _matrix(orientation: Orientation) -> NDArray[np.float64]:
    """(2, 2) as containers store it: a row vector (x, y) of the stored picture times it is that of the shown one."""
    quarters = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), orientation.rotation // 90)
    return quarters @ np.diag([-1.0, 1.0]) if orientation.mirrored else quarters


_MATRICES = np.array([_matrix(each) for each in ORIENTATIONS])


def orientation_of(frame: VideoFrame, before: Orientation | None = None) -> Orientation:
    """Return how a decoded picture is to be shown; the nearest of the eight where a matrix is none of them.

    before  of the picture before it. An encoder says it of keyframes only (display orientation SEI), and it holds
            until the next one.
    """
    stored = _display_matrix(frame)
    if stored is None:
        return before or Orientation()
    matrix = np.frombuffer(bytes(stored), np.int32)[[0, 1, 3, 4]].reshape(2, 2).astype(np.float64)
    agreement = (matrix * _MATRICES).sum((1, 2))
    # a matrix that turns nothing into nothing asks for nothing; of two that are as near the rotation is meant
    return ORIENTATIONS[int(agreement.argmax())] if agreement.max() > 0 else Orientation()


def _display_matrix(frame: VideoFrame) -> Any:
    """The frame's display matrix, None without one. Side data of kinds that PyAV does not know are passed over."""
    try:
        return frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # FFmpeg has newer kinds (EXIF, view numbers of spatial video); with one PyAV refuses them all
        from av.sidedata.sidedata import Type

        Type._missing_ = classmethod(lambda kinds, _: kinds.VIDEO_HINT)  # type: ignore[method-assign, assignment]
        return frame.side_data.get("DISPLAYMATRIX")


def shown_size(stream: VideoStream, width: int, height: int) -> tuple[int, int]:
    """Return width and height of a stored picture in square pixels, before it is rotated; the height stays.

    Errors: UnreadableMedia for a pixel aspect ratio that no camera writes.
    """
    ratio = stream.sample_aspect_ratio
    if not ratio or ratio <= 0 or abs(ratio - 1) < SQUARE:
        return width, height
    if not 1 / MOST_STRETCH <= ratio <= MOST_STRETCH:
        raise UnreadableMedia(
            f"a video says that its pixels are {ratio.numerator}:{ratio.denominator}: expected about 1:1"
        )
    return max(1, round(width * ratio)), height
