"""Left and right variants of a pose, by the body's own sides: the bent leg, else the lower hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.angles import joint_angles
from posemill.pose.skeleton import Skeleton

BENT_DEG = 25.0  # one knee is bent by so much more than the other
LOWER = 0.35  # one hand is lower by so many sizes of the body
SYMMETRIC = frozenset(
    ["mountain", "downward_dog", "cobra", "chair", "plank", "child", "bridge", "easy_seat", "goddess", "upward_plank"]
)


def side_of(xy: NDArray[np.floating], skeleton: Skeleton, pose: str) -> str | None:
    """Return `left` or `right` for a pose with sides, None for one without.

    The side of the bent knee (the lifted leg of a tree, the front leg of a warrior), and where both knees are alike
    that of the lower hand (triangle, side plank). (K, 2) pixels. Keypoints that an estimator takes for the other
    side's make it wrong.
    """
    if pose in SYMMETRIC:
        return None
    angles = joint_angles(np.asarray(xy, np.float64), skeleton)
    left, right = float(angles["knee_left"]), float(angles["knee_right"])
    if abs(left - right) >= BENT_DEG:
        return "left" if left < right else "right"
    return _lower_hand(xy, skeleton)


def _lower_hand(xy: NDArray[np.floating], skeleton: Skeleton) -> str | None:
    known = xy[~np.isnan(xy[:, 0])]
    if not len(known):
        return None
    size = float(np.ptp(known, axis=0).max())
    below = float(xy[skeleton.index("left_wrist"), 1] - xy[skeleton.index("right_wrist"), 1])
    if not abs(below) >= LOWER * size:  # NaN: a hand is not seen
        return None
    return "left" if below > 0 else "right"
