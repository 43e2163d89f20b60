"""Skeletons: named keypoints, edges and left/right pairs.

Edges and pairs are stored by name: index orders differ between systems (OpenPifPaf counts from 1, PYSKL
from 0, OpenPose uses another order), names do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.errors import SkeletonError


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Keypoint names, edges between them, and which keypoints mirror each other.

    keypoints  K unique names, in array order.
    edges      pairs of names (parent, child); a bone is a vector along an edge.
    pairs      (left, right) names; a horizontal flip of the picture exchanges them.
    sigmas     K floats, COCO's per-keypoint spread, relative to the square root of the person's area.
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[str, str], ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        known = set(self.keypoints)
        if len(known) != len(self.keypoints):
            raise SkeletonError(f"skeleton {self.name}: keypoint names repeat: {self.keypoints}")
        for what, rows in (("edge", self.edges), ("pair", self.pairs)):
            for row in rows:
                if not known.issuperset(row):
                    raise SkeletonError(f"skeleton {self.name}: {what} {row} names no keypoint of it")
        if len(self.sigmas) != len(self.keypoints):
            raise SkeletonError(f"skeleton {self.name}: {len(self.sigmas)} sigmas for {len(self)} keypoints")

    def __len__(self) -> int:
        return len(self.keypoints)

    def index(self, keypoint: str) -> int:
        """Array position of a keypoint name."""
        try:
            return self.keypoints.index(keypoint)
        except ValueError:
            raise SkeletonError(
                f"skeleton {self.name} has no keypoint {keypoint!r}; it has {', '.join(self.keypoints)}"
            ) from None

    @property
    def edge_index(self) -> NDArray[np.int64]:
        """(E, 2) int64: array positions of every edge's parent and child."""
        return np.array([[self.index(a), self.index(b)] for a, b in self.edges], np.int64).reshape(-1, 2)

    @property
    def flip_index(self) -> NDArray[np.int64]:
        """(K,) int64: `xy[:, flip_index]` exchanges left and right."""
        flip = np.arange(len(self))
        for left, right in self.pairs:
            a, b = self.index(left), self.index(right)
            flip[a], flip[b] = b, a
        return flip


_SIDES = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY = tuple(f"{side}_{part}" for part in _SIDES for side in ("left", "right"))
_BODY_PAIRS = tuple((f"left_{part}", f"right_{part}") for part in _SIDES)
_BODY_SIGMAS = tuple(s for s in (0.079, 0.072, 0.062, 0.107, 0.087, 0.089) for _ in range(2))
_LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
)
_TRUNK = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))

COCO_17 = Skeleton(
    name="coco-17",
    keypoints=("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_BODY),
    edges=(
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ("nose", "left_shoulder"), ("nose", "right_shoulder"), *_LIMBS, *_TRUNK,
    ),
    pairs=(("left_eye", "right_eye"), ("left_ear", "right_ear"), *_BODY_PAIRS),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, *_BODY_SIGMAS),
)  # fmt: skip

PENN_13 = Skeleton(
    name="penn-13",
    keypoints=("head", *_BODY),
    edges=(("head", "left_shoulder"), ("head", "right_shoulder"), *_LIMBS, *_TRUNK),
    pairs=_BODY_PAIRS,
    sigmas=(0.079, *_BODY_SIGMAS),
)

BODY_12 = Skeleton(name="body-12", keypoints=_BODY, edges=(*_LIMBS, *_TRUNK), pairs=_BODY_PAIRS, sigmas=_BODY_SIGMAS)

SKELETONS: Mapping[str, Skeleton] = MappingProxyType({s.name: s for s in (COCO_17, PENN_13, BODY_12)})


def skeleton(name: str) -> Skeleton:
    """The skeleton of that name; an unknown name lists the known ones."""
    try:
        return SKELETONS[name]
    except KeyError:
        raise SkeletonError(f"unknown skeleton {name!r}; known are {', '.join(SKELETONS)}") from None


def conversion_index(source: Skeleton, target: Skeleton) -> NDArray[np.int64]:
    """(K_target,) int64: for every target keypoint its place in `source`.

    Errors: SkeletonError when the target has a keypoint that the source lacks, since it would be invented.
    """
    missing = [k for k in target.keypoints if k not in source.keypoints]
    if missing:
        raise SkeletonError(
            f"{source.name} cannot become {target.name}: it has no {', '.join(missing)}; "
            f"choose a skeleton whose keypoints it has, such as {BODY_12.name}"
        )
    return np.array([source.index(k) for k in target.keypoints], np.int64)
