"""Keypoints in metres seen by a camera that is not there, since tracks are pictures: x and y in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

_NEAREST_M = 0.1


@dataclass(frozen=True, slots=True)
class VirtualCamera:
    """A pinhole camera that looks at the person's middle from where the sensor was, or from around them.

    yaw_deg    how far it goes around the person, to their right hand when they face the sensor; 0 = the sensor's place.
    pitch_deg  how far it looks down from above.
    focal_px   focal length; width_px, height_px: the picture, its centre where the camera looks straight ahead.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    focal_px: float = 1000.0
    width_px: int = 1920
    height_px: int = 1080

    def __post_init__(self) -> None:
        if not (self.focal_px > 0 and self.width_px > 0 and self.height_px > 0 and abs(self.pitch_deg) <= 90):
            raise InputError(f"a camera needs a focal length and a picture above 0, and a pitch up to 90°, came {self}")

    def project(self, xyz: NDArray[np.floating]) -> NDArray[np.float32]:
        """(..., 3) metres, x to the right, y up, z away from the sensor, to (..., 2) pixels, origin top-left.

        The camera turns around the mean of all points, and keeps its distance from it. NaN stays, and what is behind
        the camera is NaN.
        """
        points = np.asarray(xyz, np.float64)
        known = ~np.isnan(points).any(-1)
        if known.any() and (self.yaw_deg or self.pitch_deg):
            middle = points[known].mean(0)
            points = (points - middle) @ self._turn().T + middle
        depth = np.where(known & (points[..., 2] > _NEAREST_M), points[..., 2], np.nan)
        x = self.width_px / 2 + self.focal_px * points[..., 0] / depth
        y = self.height_px / 2 - self.focal_px * points[..., 1] / depth
        return np.stack([x, y], -1).astype(np.float32)

    def _turn(self) -> NDArray[np.float64]:
        """(3, 3) that turns the world as a camera sees it that went the other way: first around, then up."""
        (cy, sy), (cp, sp) = ((np.cos(a), np.sin(a)) for a in np.radians([self.yaw_deg, self.pitch_deg]))
        around = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        above = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        return np.asarray(above @ around)
