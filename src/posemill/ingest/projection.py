"""Projection of keypoints in metres into the picture of a virtual camera, or with their depth kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posemill.errors import InputError

Up = Literal["y", "-y", "z"]
Depth = Literal["project", "keep"]
_NEAREST_M = 0.1
_FILLED = 0.8  # of the picture, by everybody together over the whole medium
# (axis, sign) of x to the right, y up, z away, in right-handed axes: with y up and z away, x grows to the left
_FROM_UP = {"y": ((0, -1), (1, 1), (2, 1)), "-y": ((0, 1), (1, -1), (2, 1)), "z": ((0, 1), (2, 1), (1, 1))}


@dataclass(frozen=True, slots=True)
class VirtualCamera:
    """A pinhole camera that looks at the person's middle from where the sensor was, or from around them.

    yaw_deg    how far it goes around the person, to their right hand when they face the sensor; 0 = the sensor's place.
    pitch_deg  how far it looks down from above.
    focal_px   focal length; width_px, height_px: the picture, its centre where the camera looks straight ahead.
    up         which axis of the data points up: y (Kinect's), -y (of a camera's own coordinates), z (motion capture).
    mirrored   the data's axes are left-handed (OpenNI, Unity), or the people in them mirror images; otherwise they are
               right-handed, as Kinect's (whose x grows to the sensor's left), cameras' and motion capture's are.
    depth      `project`: x and y as the camera sees them. `keep`: x, y and z in their true proportions, one scale for a
               medium, so that all of it is in the picture; no place or unit of the sensor plays a part.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    focal_px: float = 1000.0
    width_px: int = 1920
    height_px: int = 1080
    up: Up = "y"
    depth: Depth = "project"
    mirrored: bool = False

    def __post_init__(self) -> None:
        if not (self.focal_px > 0 and self.width_px > 0 and self.height_px > 0 and abs(self.pitch_deg) <= 90):
            raise InputError(f"a camera needs a focal length and a picture above 0, and a pitch up to 90°, came {self}")

    def see(self, xyz: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Project (..., 3) in the data's axes to (..., 2) pixels and, with `depth: keep`, (...) depth in pixels."""
        points = np.asarray(xyz, np.float64)
        points = np.stack([sign * points[..., axis] for axis, sign in _FROM_UP[self.up]], -1)
        if self.mirrored:
            points[..., 0] *= -1
        return (self.project(points), None) if self.depth == "project" else self._kept(points)

    def _kept(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points = np.where(np.isfinite(points).all(-1, keepdims=True), points, np.nan)
        known = ~np.isnan(points[..., 0])
        if not known.any():
            return np.full((*known.shape, 2), np.nan, np.float32), np.full(known.shape, np.nan, np.float32)
        points = (points - points[known].mean(0)) @ self._turn().T
        low, high = points[known].min(0), points[known].max(0)
        room = _FILLED * np.array([self.width_px, self.height_px])
        scale = float((room / np.maximum(high - low, 1e-9)[:2]).min())
        middle = np.array([self.width_px / 2, self.height_px / 2, 0.0])
        out = np.asarray((points - (low + high) / 2) * (scale, -scale, scale) + middle, np.float32)
        return out[..., :2], out[..., 2]

    def project(self, xyz: ArrayLike) -> NDArray[np.float32]:
        """Project (..., 3) metres, x to the right, y up, z away from the sensor, to (..., 2) pixels, origin top-left.

        The camera turns around the mean of all points, and keeps its distance from it. NaN stays, and what is behind
        the camera is NaN.

        Examples:
            >>> VirtualCamera().project([[0.0, 0.0, 2.0], [0.5, 0.5, 2.0]])
            array([[ 960.,  540.],
                   [1210.,  290.]], dtype=float32)
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
        """Rotation matrix (3, 3) of the world as the camera sees it: first around, then up."""
        (cy, sy), (cp, sp) = ((np.cos(a), np.sin(a)) for a in np.radians([self.yaw_deg, self.pitch_deg]))
        around = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        above = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        return np.asarray(above @ around)
