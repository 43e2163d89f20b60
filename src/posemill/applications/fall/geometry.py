"""Body geometry of a pose for fall detection: head, trunk, hips and feet, and the length of the body in pixels.

Heights and speeds are measured in body lengths, the length in pixels that the standing person would have, so that they
do not depend on the distance to the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, degrees, hypot, isnan, nan

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head", "head_top")
SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
KNEES, ANKLES = ("left_knee", "right_knee"), ("left_ankle", "right_ankle")
TRUNK, THIGH, SHANK = 0.283, 0.243, 0.242  # shares of the body's length
HEAD_BEYOND_SHOULDERS = 0.45  # trunk lengths from the shoulders to the middle of the head
LEGS = 0.47  # share of the body's length from the hips to the ankles
LEAST_KEYPOINTS = 3
LEAST_LENGTH_PX = 1.0  # keypoints that were all found in one place have no length, and heights are divided by it
BORDER = 0.015  # share of the picture: keypoints this near its border may be guessed for what is outside

Point = tuple[float, float]
Points = list[Point | None]


@dataclass(slots=True)  # not frozen: built for every pose of every frame, and frozen costs twice the time
class BodyGeometry:
    """One person in one frame. Pixels of the upright picture, y down; NaN = not seen.

    head_x, head_y      middle of the head; extrapolated along the trunk where only shoulders and hips are seen.
    shoulder_y, knee_y, ankle_y  mean of left and right.
    hip_x, hip_y, ankle_x  mean of left and right.
    trunk_deg           inclination of the trunk: 0 = upright, 90 = level, 180 = head down.
    thigh_deg           inclination of the thighs, from knee to hip: 0 = standing, 90 = sitting seen from the side.
    length_px           length of the standing body after the longest of its parts seen now (foreshortening shortens).
    left_px, top_px, right_px, bottom_px  box around the keypoints.
    seen                share of the keypoints that are seen, 0..1.
    confidence          mean of the keypoints seen.
    cut_off             True where legs or head are missing and the body touches the picture's border.
    """

    time_s: float
    head_x: float
    head_y: float
    shoulder_y: float
    hip_x: float
    hip_y: float
    knee_y: float
    ankle_x: float
    ankle_y: float
    trunk_deg: float
    thigh_deg: float
    length_px: float
    left_px: float
    top_px: float
    right_px: float
    bottom_px: float
    seen: float
    confidence: float
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
        points: Points = [
            (x, y) if x == x and c >= min_confidence else None  # NaN is not equal to itself
            for (x, y), c in zip(xy.tolist(), confidence.tolist(), strict=True)
        ]
        known = [point for point in points if point is not None]
        if len(known) < LEAST_KEYPOINTS:
            return None
        head, shoulder, hip, knee, ankle = (_mean(points, part) for part in self._index.values())
        trunk = shoulder[0] - hip[0], shoulder[1] - hip[1]
        if isnan(head[0]):
            head = (shoulder[0] + HEAD_BEYOND_SHOULDERS * trunk[0], shoulder[1] + HEAD_BEYOND_SHOULDERS * trunk[1])
        if isnan(head[1]) and isnan(hip[1]):
            return None
        xs, ys = [x for x, _ in known], [y for _, y in known]
        length_px = max(self._length(points), LEAST_LENGTH_PX)  # NaN stays: it is the first
        return BodyGeometry(
            time_s=time_s,
            head_x=head[0],
            head_y=head[1],
            shoulder_y=shoulder[1],
            hip_x=hip[0],
            hip_y=hip[1],
            knee_y=knee[1],
            ankle_x=ankle[0],
            ankle_y=ankle[1],
            trunk_deg=_inclination(*trunk),
            thigh_deg=_inclination(hip[0] - knee[0], hip[1] - knee[1]),
            length_px=length_px,
            left_px=min(xs),
            top_px=min(ys),
            right_px=max(xs),
            bottom_px=max(ys),
            seen=len(known) / len(points),
            confidence=float(confidence[confidence >= min_confidence].mean()),
            cut_off=self._cut_off(known, ankle[1], head[1], hip[1], length_px),
        )

    def _length(self, points: Points) -> float:
        """Length of the body after trunk, thighs and shanks, by the longest answer; NaN where the trunk is not seen."""
        part = self._index
        trunk = _longest(points, part["shoulder"], part["hip"])
        thigh = _longest(points, part["hip"], part["knee"])
        shank = _longest(points, part["knee"], part["ankle"])
        answers = (
            0.95 * trunk / TRUNK,
            (trunk + thigh) / (TRUNK + THIGH),
            (trunk + thigh + shank) / (TRUNK + THIGH + SHANK),
        )
        return max((answer for answer in answers if not isnan(answer)), default=nan)

    def _cut_off(self, known: list[Point], ankle_y: float, head_y: float, hip_y: float, length_px: float) -> bool:
        near_x, near_y = BORDER * self._width, BORDER * self._height
        outside = sum(
            x < near_x or x > self._width - near_x or y < near_y or y > self._height - near_y for x, y in known
        )
        legs_below = isnan(ankle_y) and hip_y + LEGS * length_px > self._height
        return outside >= 2 or legs_below or (outside > 0 and (isnan(ankle_y) or isnan(head_y)))


def _mean(points: Points, part: list[int]) -> Point:
    chosen = [point for index in part if (point := points[index]) is not None]
    if not chosen:
        return nan, nan
    return sum(x for x, _ in chosen) / len(chosen), sum(y for _, y in chosen) / len(chosen)


def _longest(points: Points, start: list[int], end: list[int]) -> float:
    lengths = [
        hypot(first[0] - second[0], first[1] - second[1])
        for a, b in zip(start, end, strict=False)
        if (first := points[a]) is not None and (second := points[b]) is not None
    ]
    return max(lengths, default=nan)


def _inclination(x: float, y: float) -> float:
    """Angle of a vector to the picture's upward direction, degrees; NaN where it is not seen or has no length."""
    length = hypot(x, y)
    return degrees(acos(max(-1.0, min(1.0, -y / length)))) if length > 0 else nan
