"""Skeleton topology: named keypoints, edges and left/right pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.errors import SkeletonError


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Skeleton: keypoint names, edges between them, and left/right pairs.

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
        """Return the array position of a keypoint name.

        Examples:
            >>> from posemill.pose.skeleton import COCO_17
            >>> COCO_17.index("left_wrist")
            9
        """
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
