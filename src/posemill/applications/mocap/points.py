"""Body points: the joint centres that motion capture uses, whatever skeleton the keypoints have.

World: X to the right of the picture, Y up, Z towards the camera.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

Floats = NDArray[np.float64]

SIDES = ("left", "right")
JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe")
POINTS = (*(f"{side}_{joint}" for joint in JOINTS for side in SIDES), "head", "nose")
INDEX = {name: number for number, name in enumerate(POINTS)}
_NEEDED = tuple(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "hip"))

# body point → keypoints whose mean it is, the first set that a skeleton has
_MADE_OF: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "head": (("left_ear", "right_ear"), ("left_eye", "right_eye"), ("head",), ("head_top",), ("face",)),
    "nose": (("nose",),),
} | {f"{side}_toe": ((f"{side}_foot_index",), (f"{side}_big_toe",)) for side in SIDES}


def body_points(keypoints: NDArray[np.floating], skeleton: Skeleton) -> Floats:
    """Pick the body points out of keypoints (..., K, D) → (..., 18, D); NaN where the skeleton has none, or unseen.

    Errors: InputError where the skeleton lacks shoulders or hips.
    """
    known = set(skeleton.keypoints)
    if lacking := [name for name in _NEEDED if name not in known]:
        raise InputError(f"motion capture needs shoulders and hips: skeleton {skeleton.name} has no {lacking[0]}")
    picked = np.full((*keypoints.shape[:-2], len(POINTS), keypoints.shape[-1]), np.nan)
    for number, name in enumerate(POINTS):
        sources = next((s for s in _MADE_OF.get(name, ((name,),)) if known.issuperset(s)), ())
        if sources:
            picked[..., number, :] = keypoints[..., [skeleton.index(s) for s in sources], :].mean(-2)
    return picked


def point(points: Floats, name: str) -> Floats:
    """Return one body point (..., D) of (..., 18, D)."""
    return points[..., INDEX[name], :]


def middle(points: Floats, joint: str) -> Floats:
    """Return the middle of the left and right joint (..., D)."""
    return np.asarray((point(points, f"left_{joint}") + point(points, f"right_{joint}")) / 2)


def unit(vectors: Floats) -> Floats:
    """Return vectors (..., D) of length 1; NaN where they have none."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 1e-9, length, np.nan))


def level_frame(right: Floats, up: Floats) -> Floats:
    """Segment frame (..., 3, 3): columns X forward, Y up as far as Z leaves it, Z to the right exactly."""
    z = unit(right)
    x = unit(np.cross(up, z))
    return np.stack([x, np.cross(z, x), z], -1)
