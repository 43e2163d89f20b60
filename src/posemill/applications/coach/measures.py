"""Angles and distances of a pose that form rules limit, the same in the picture (2-D) and in space (3-D).

Keypoints are those of `KEYPOINTS` in the side frame: first coordinate toward where the person faces, second up; in
space a third one toward the person's left. A measure of space is the truth, the same measure in the picture is what a
camera sees of it; the difference is the projection error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.pose.angles import angle_between
from posemill.pose.skeleton import COCO_17, Skeleton

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

KEYPOINTS = COCO_17.keypoints
_INDEX = {name: i for i, name in enumerate(KEYPOINTS)}
PARTS = tuple(dict.fromkeys(k.removeprefix("left_").removeprefix("right_") for k in KEYPOINTS))
# a part without prefix is that of the side toward the camera
PREFIXES = ("left_", "right_", "front_", "rear_", "far_", "mid_", "")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Poses in the side frame, ready to be measured.

    points      (..., 17, D) in the order of `KEYPOINTS`; NaN = not seen. D 2: picture, 3: space.
    near_left   (...) bool, the person's left is toward the camera.
    """

    points: Floats
    near_left: Flags

    def keypoint(self, name: str) -> Floats:
        """Return (..., D) the place of a keypoint by its name in a rule, as `left_hip`, `hip`, `front_knee`."""
        prefix = next(p for p in PREFIXES if name.startswith(p))
        part = name.removeprefix(prefix)
        if part not in PARTS or name in _INDEX:
            return self.points[..., _INDEX[name], :]
        left, right = self.points[..., _INDEX[f"left_{part}"], :], self.points[..., _INDEX[f"right_{part}"], :]
        if prefix == "mid_":
            return np.asarray((left + right) / 2)
        chosen = np.where(self._is_left(prefix)[..., None], left, right)
        if prefix == "":  # the side toward the camera, and the other one where that is hidden
            chosen = np.where(np.isnan(chosen), np.where(self.near_left[..., None], right, left), chosen)
        return np.asarray(chosen)

    def _is_left(self, prefix: str) -> Flags:
        if prefix in ("front_", "rear_"):
            return self.left_ahead if prefix == "front_" else ~self.left_ahead
        return ~self.near_left if prefix == "far_" else self.near_left

    @property
    def left_ahead(self) -> Flags:
        """(...) the left ankle is ahead of the right one."""
        with np.errstate(invalid="ignore"):
            return np.asarray(
                self.points[..., _INDEX["left_ankle"], 0] >= self.points[..., _INDEX["right_ankle"], 0], bool
            )

    def names(self, name: str) -> tuple[str, ...]:
        """Return the keypoints that a name in a rule stands for, of one pose."""
        if name in _INDEX:
            return (name,)
        prefix = next(p for p in PREFIXES if name.startswith(p))
        part = name.removeprefix(prefix)
        if prefix == "mid_":
            return (f"left_{part}", f"right_{part}")
        side = "left" if bool(self._is_left(prefix)) else "right"
        if prefix == "" and np.isnan(self.points[_INDEX[f"{side}_{part}"]]).any():
            side = "right" if side == "left" else "left"
        return (f"{side}_{part}",)


def angle(seen: Seen, before: str, at: str, after: str) -> Floats:
    """Return the angle at a joint, 0..180 degrees, 180 = straight. Points: before, at, after the joint."""
    middle = seen.keypoint(at)
    return angle_between(seen.keypoint(before) - middle, seen.keypoint(after) - middle)


def bend(seen: Seen, before: str, at: str, after: str) -> Floats:
    """Return the signed angle seen from the side: 180 = straight, more = the middle goes to the back of the body.

    Of shoulder, hip and ankle in a plank: above 180 the hips are high, below they sag.
    """
    first, middle, last = (seen.keypoint(name)[..., :2] for name in (before, at, after))
    axis, off = first - last, middle - last
    backward = axis[..., 0] * off[..., 1] - axis[..., 1] * off[..., 0]
    return np.asarray(180 + np.sign(backward) * (180 - angle_between(first - middle, last - middle)))


def lean(seen: Seen, low: str, high: str) -> Floats:
    """Return how far a line leans forward from the vertical, seen from the side: 0 = upright, 90 = level, degrees."""
    line = (seen.keypoint(high) - seen.keypoint(low))[..., :2]
    return np.asarray(np.degrees(np.arctan2(line[..., 0], line[..., 1])))


def ahead(seen: Seen, point: str, of: str) -> Floats:
    """Return how far a point is ahead of another where the person faces, in body lengths (shoulder to ankle)."""
    forward = (seen.keypoint(point) - seen.keypoint(of))[..., 0]
    return np.asarray(forward / body_length(seen))


def width_ratio(seen: Seen, first: str, second: str, third: str, fourth: str) -> Floats:
    """Return the distance of two points over that of two others, as knees over ankles."""
    across = (1, 2) if seen.points.shape[-1] == 3 else (0, 1)  # seen from the front: up and sideways
    one = seen.keypoint(first)[..., across] - seen.keypoint(second)[..., across]
    two = seen.keypoint(third)[..., across] - seen.keypoint(fourth)[..., across]
    width = np.linalg.norm(two, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.linalg.norm(one, axis=-1) / np.where(width > 1e-9, width, np.nan))


def body_length(seen: Seen) -> Floats:
    """Return (...) the length from shoulder over hip and knee to ankle, the longer of both sides."""
    sides = [_chain(seen, [f"{side}_{p}" for p in ("shoulder", "hip", "knee", "ankle")]) for side in ("left", "right")]
    length = np.fmax(*sides)
    return np.asarray(np.where(length > 1e-9, length, np.nan))


def _chain(seen: Seen, names: list[str]) -> Floats:
    places = [seen.keypoint(name) for name in names]
    return np.asarray(sum(np.linalg.norm(b - a, axis=-1) for a, b in pairwise(places)))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measure: the function, how many points it takes, the unit of its limits."""

    function: Callable[..., Floats]
    points: int
    unit: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "angle": Kind(angle, 3, "deg"),
        "bend": Kind(bend, 3, "deg"),
        "lean": Kind(lean, 2, "deg"),
        "ahead": Kind(ahead, 2, "body_lengths"),
        "width_ratio": Kind(width_ratio, 4, "ratio"),
    }
)


def is_keypoint(name: str) -> bool:
    """Return True if a rule can name this keypoint."""
    prefix = next(p for p in PREFIXES if name.startswith(p))
    part = name.removeprefix(prefix)
    return name in _INDEX or (part in PARTS and part != "nose")


def by_name(xy: NDArray[np.floating], skeleton: Skeleton) -> Floats:
    """Return (..., 17, D) the keypoints of `KEYPOINTS` of any skeleton, NaN where it lacks one."""
    xy = np.asarray(xy, np.float64)
    found = np.full((*xy.shape[:-2], len(KEYPOINTS), xy.shape[-1]), np.nan)
    for i, name in enumerate(KEYPOINTS):
        if name in skeleton.keypoints:
            found[..., i, :] = xy[..., skeleton.index(name), :]
    return found
