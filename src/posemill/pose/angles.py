"""Joint angles and inclinations of poses, in degrees, from 2-D or 3-D keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton

Floats = NDArray[np.float64]

# joint angle → the keypoint before the joint, the joint, the keypoint after it; straight is 180 degrees
JOINT_ANGLES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        f"{joint}_{side}": (f"{side}_{before}", f"{side}_{at}", f"{side}_{after}")
        for joint, before, at, after in (
            ("elbow", "shoulder", "elbow", "wrist"),
            ("shoulder", "elbow", "shoulder", "hip"),
            ("hip", "shoulder", "hip", "knee"),
            ("knee", "hip", "knee", "ankle"),
        )
        for side in ("left", "right")
    }
)


def angle_between(first: NDArray[np.floating], second: NDArray[np.floating]) -> Floats:
    """Return the angle between vectors (..., D), 0..180 degrees; NaN where one is NaN or has no length.

    Examples:
        >>> float(angle_between(np.array([1.0, 0.0]), np.array([0.0, 2.0])))
        90.0
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (a * b).sum(-1) / np.where(lengths > 0, lengths, np.nan)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def joint_angle(points: NDArray[np.floating], skeleton: Skeleton, keypoints: tuple[str, str, str]) -> Floats:
    """Return the angle at the middle one of three keypoints, 0..180 degrees, 180 = straight.

    points (..., K, D), D 2 or 3 → (...); NaN where a keypoint is not seen.
    """
    before, at, after = (points[..., skeleton.index(name), :] for name in keypoints)
    return angle_between(before - at, after - at)


def joint_angles(points: NDArray[np.floating], skeleton: Skeleton) -> dict[str, Floats]:
    """Return every angle of `JOINT_ANGLES` whose keypoints the skeleton has. points (..., K, D) → each (...)."""
    known = set(skeleton.keypoints)
    return {
        name: joint_angle(points, skeleton, keypoints)
        for name, keypoints in JOINT_ANGLES.items()
        if known.issuperset(keypoints)
    }


def midpoint(points: NDArray[np.floating], skeleton: Skeleton, *keypoints: str) -> Floats:
    """Return the mean of the seen ones of some keypoints. (..., K, D) → (..., D); NaN where none is seen."""
    chosen = np.asarray(points[..., [skeleton.index(name) for name in keypoints], :], np.float64)
    seen = ~np.isnan(chosen).any(-1, keepdims=True)
    count = seen.sum(-2)
    total = np.where(seen, chosen, 0.0).sum(-2)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def inclination(vectors: NDArray[np.floating]) -> Floats:
    """Return the angle of vectors (..., 2) to the picture's upward direction: 0 = up, 90 = level, 180 = down.

    Examples:
        >>> inclination(np.array([[0.0, -3.0], [2.0, 0.0], [0.0, 1.0]])).tolist()
        [0.0, 90.0, 180.0]
    """
    return angle_between(vectors, np.array([0.0, -1.0]))
