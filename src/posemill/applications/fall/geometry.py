"""Body geometry of a pose for fall detection: head, trunk, hips and feet, and the length of the body in pixels.

Heights and speeds are measured in body lengths, the length in pixels that the standing person would have, so that they
do not depend on the distance to the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, nan

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head", "head_top")
SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
KNEES, ANKLES = ("left_knee", "right_knee"), ("left_ankle", "right_ankle")
TRUNK, THIGH, SHANK = 0.283, 0.243, 0.242  # shares of the body's length
HEAD_BEYOND_SHOULDERS = 0.45  # trunk lengths from the shoulders to the middle of the head
BORDER = 0.015  # share of the picture: keypoints this near its border may be guessed for what is outside


@dataclass(frozen=True, slots=True)
class BodyGeometry:
    """One person in one frame. Pixels of the upright picture, y down; NaN = not seen.

    head_x, head_y      middle of the head; extrapolated along the trunk where only shoulders and hips are seen.
    shoulder_y, knee_y, ankle_y  mean of left and right.
    hip_x, hip_y        mean of left and right.
    trunk_deg           inclination of the trunk: 0 = upright, 90 = level, 180 = head down.
    thigh_deg           inclination of the thighs, from knee to hip: 0 = standing, 90 = sitting seen from the side.
    length_px           length of the standing body after the longest of its parts seen now (foreshortening shortens).
    left_px, top_px, right_px, bottom_px  box around the keypoints.
    confidence          mean of the keypoints seen.
    seen                share of the keypoints that are seen, 0..1.
    cut_off             True where legs or head are missing and the body touches the picture's border.
    """

    time_s: float
    head_x: float
    head_y: float
    shoulder_y: float
    hip_x: float
    hip_y: float
    knee_y: float
    ankle_y: float
    trunk_deg: float
    thigh_deg: float
    length_px: float
    left_px: float
    top_px: float
    right_px: float
    bottom_px: float
    confidence: float
    seen: float
    cut_off: bool

    @property
    def middle(self) -> tuple[float, float]:
        """Middle of the box."""
        return (self.left_px + self.right_px) / 2, (self.top_px + self.bottom_px) / 2

    @property
    def aspect(self) -> float:
        """Height of the box over its width."""
        return (self.bottom_px - self.top_px) / max(self.right_px - self.left_px, 1.0)


class GeometryReader:
    """Measure the geometry of poses of one skeleton in pictures of one size.

    Errors: InputError where the skeleton has no shoulders or hips.
    """

    def __init__(self, skeleton: Skeleton, width_px: int, height_px: int) -> None:
        known = set(skeleton.keypoints)
        if missing := [name for name in (*SHOULDERS, *HIPS) if name not in known]:
            raise InputError(f"the fall alarm needs shoulders and hips; skeleton {skeleton.name} lacks {missing}")
        groups = {"head": HEAD, "shoulder": SHOULDERS, "hip": HIPS, "knee": KNEES, "ankle": ANKLES}
        self._index = {
            part: [skeleton.index(name) for name in names if name in known] for part, names in groups.items()
        }
        self._width, self._height = width_px, height_px

    def read(
        self, time_s: float, xy: NDArray[np.float32], confidence: NDArray[np.float32], min_confidence: float
    ) -> BodyGeometry | None:
        """Measure one pose; None where neither the trunk nor the head is seen.

        xy (K, 2), confidence (K,); keypoints below `min_confidence` count as not seen.
        """
        seen = ~np.isnan(xy[:, 0]) & (confidence >= min_confidence)
        if seen.sum() < 3:
            return None
        points = np.where(seen[:, None], xy, np.nan).astype(np.float64)
        head, shoulder, hip, knee, ankle = (self._mean(points, part) for part in self._index)
        trunk = shoulder[0] - hip[0], shoulder[1] - hip[1]
        if np.isnan(head[0]):
            head = (shoulder[0] + HEAD_BEYOND_SHOULDERS * trunk[0], shoulder[1] + HEAD_BEYOND_SHOULDERS * trunk[1])
        if np.isnan(head[1]) and np.isnan(hip[1]):
            return None
        left, top = np.nanmin(points, 0)
        right, bottom = np.nanmax(points, 0)
        return BodyGeometry(
            time_s=time_s,
            head_x=head[0],
            head_y=head[1],
            shoulder_y=shoulder[1],
            hip_x=hip[0],
            hip_y=hip[1],
            knee_y=knee[1],
            ankle_y=ankle[1],
            trunk_deg=_inclination(*trunk),
            thigh_deg=_inclination(hip[0] - knee[0], hip[1] - knee[1]),
            length_px=self._length(points),
            left_px=float(left),
            top_px=float(top),
            right_px=float(right),
            bottom_px=float(bottom),
            confidence=float(confidence[seen].mean()),
            seen=float(seen.mean()),
            cut_off=self._cut_off(points, ankle[1], head[1]),
        )

    def _mean(self, points: NDArray[np.float64], part: str) -> tuple[float, float]:
        chosen = points[self._index[part]]
        chosen = chosen[~np.isnan(chosen[:, 0])]
        return (float(chosen[:, 0].mean()), float(chosen[:, 1].mean())) if len(chosen) else (nan, nan)

    def _length(self, points: NDArray[np.float64]) -> float:
        """Length of the body after trunk, thighs and shanks, by the longest answer; NaN where the trunk is not seen."""
        trunk = _longest(points, self._index["shoulder"], self._index["hip"])
        thigh = _longest(points, self._index["hip"], self._index["knee"])
        shank = _longest(points, self._index["knee"], self._index["ankle"])
        answers = (
            0.95 * trunk / TRUNK,
            (trunk + thigh) / (TRUNK + THIGH),
            (trunk + thigh + shank) / (TRUNK + THIGH + SHANK),
        )
        known = [answer for answer in answers if not np.isnan(answer)]
        return max(known, default=nan)

    def _cut_off(self, points: NDArray[np.float64], ankle_y: float, head_y: float) -> bool:
        seen = points[~np.isnan(points[:, 0])]
        x, y = seen[:, 0] / self._width, seen[:, 1] / self._height
        outside = (x < BORDER) | (x > 1 - BORDER) | (y < BORDER) | (y > 1 - BORDER)
        return bool(outside.sum() >= 2) or bool(outside.any() and (np.isnan(ankle_y) or np.isnan(head_y)))


def _longest(points: NDArray[np.float64], start: list[int], end: list[int]) -> float:
    lengths = [hypot(*(points[a] - points[b])) for a, b in zip(start, end, strict=False)]
    known = [length for length in lengths if not np.isnan(length)]
    return max(known, default=nan)


def _inclination(x: float, y: float) -> float:
    """Angle of a vector to the picture's upward direction, degrees; NaN where it is not seen or has no length."""
    return float(np.degrees(np.arccos(-y / hypot(x, y)))) if hypot(x, y) > 0 else nan
