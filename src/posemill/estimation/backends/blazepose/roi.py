"""Rotated regions of interest: the square around a body, turned so that the person in it is upright."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, pi, remainder, sin

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SCALE = 1.25  # side over the diameter of the circle around the body: the margin that the networks were trained with
REPLICATE = None  # border: the nearest pixel of the picture


@dataclass(frozen=True, slots=True)
class Roi:
    """A square in pixels of a picture, of which it may reach out.

    x_px, y_px  its middle; a whole number is the middle of a pixel.
    side_px     its side.
    angle_rad   clockwise rotation of its upright axis, from -pi to pi: 0 is a person who stands, pi / 2 one whose head
                is to the right.
    """

    x_px: float
    y_px: float
    side_px: float
    angle_rad: float

    @classmethod
    def whole(cls, height_px: int, width_px: int) -> Roi:
        """The square around a whole picture."""
        return cls(width_px / 2, height_px / 2, float(max(height_px, width_px)), 0.0)

    @classmethod
    def from_alignment(cls, centre: Floats, circle: Floats) -> Roi:
        """The square around the circle of a body. centre, circle (2,) pixels: its middle, and its point at the head."""
        dx, dy = (float(v) for v in circle - centre)
        angle = remainder(pi / 2 - atan2(-dy, dx), 2 * pi)
        return cls(float(centre[0]), float(centre[1]), 2 * SCALE * hypot(dx, dy), angle)

    @property
    def axes(self) -> Floats:
        """(2, 2) float32: columns are the square's x and y axis in the picture."""
        c, s = cos(self.angle_rad), sin(self.angle_rad)
        return np.array([[c, -s], [s, c]], np.float32)

    def to_picture(self, shares: Floats) -> Floats:
        """Map (..., 2) shares 0..1 of the side to pixels of the picture."""
        middle = np.array([self.x_px, self.y_px], np.float32)
        return np.asarray((shares - np.float32(0.5)) * np.float32(self.side_px) @ self.axes.T + middle, np.float32)


def crop(image: NDArray[np.uint8], roi: Roi, side_px: int, border: int | None = REPLICATE) -> Floats:
    """Sample (H, W, 3) uint8 RGB in a region: (side_px, side_px, 3) float32 0..1, bilinear as MediaPipe samples.

    border  value outside the picture, 0..255; None repeats the nearest pixel.
    """
    import cv2

    corners = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    matrix = cv2.getAffineTransform(corners * side_px, roi.to_picture(corners))
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    value = (border or 0,) * 3
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(image, matrix, (side_px, side_px), flags=flags, borderMode=mode, borderValue=value)
    return np.asarray(square, np.float32) / np.float32(255)
