"""A picture seen as it is, or turned on its side: networks that know people who stand find those who lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.preprocess import MULTIPLE, Placement, network_input, place
from posemill.estimation.types import Pose

TURNED_SCALE = 0.75  # who lies in a landscape picture is large in it
SAME_BOX = 0.4  # share of both boxes' union from which two poses are of one person
INSIDE = 0.8  # or share of the smaller box


class View:
    """image (H, W, 3) uint8 RGB, turned counterclockwise by `turns` quarters for the network."""

    def __init__(self, image: NDArray[np.uint8], quarter_turns: int, long_edge_px: int) -> None:
        self.image, self.quarter_turns = image, quarter_turns
        height, width = image.shape[:2]
        sides = (height, width) if quarter_turns % 2 == 0 else (width, height)
        self.placement: Placement = place(*sides, long_edge_px)

    def network_input(self) -> NDArray[np.uint8]:
        """See picture.network_input."""
        turned = np.ascontiguousarray(np.rot90(self.image, self.quarter_turns)) if self.quarter_turns else self.image
        return network_input(turned, self.placement)

    def back(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, 2) pixels of the network's input to pixels of the picture as it is."""
        x, y = self.placement.back(xy).T
        height, width = self.image.shape[:2]
        upright = {0: (x, y), 1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}
        return np.stack(upright[self.quarter_turns % 4], -1).astype(np.float32)


def smaller(long_edge_px: int) -> int:
    """The long edge of turned views, again 16n + 1."""
    return round(TURNED_SCALE * (long_edge_px - 1) / MULTIPLE) * MULTIPLE + 1


def nms(poses: Sequence[Pose]) -> list[Pose]:
    """The surest pose of everybody; a less sure one whose box is much the same as a kept one's is left out."""
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda p: -p.person_confidence):
        if not any(_same(pose, other) for other in kept):
            kept.append(pose)
    return kept


def _same(a: Pose, b: Pose) -> bool:
    corners = [_box(a), _box(b)]
    low, high = np.maximum(corners[0][0], corners[1][0]), np.minimum(corners[0][1], corners[1][1])
    common = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[1] - box[0])) + 1e-6 for box in corners]
    return common > SAME_BOX * (sum(areas) - common) or common > INSIDE * min(areas)


def _box(pose: Pose) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest corner of the seen keypoints; a point far away for a pose without any."""
    seen = pose.xy[~np.isnan(pose.xy).any(-1)]
    if not len(seen):
        return np.full(2, -1e9, np.float32), np.full(2, -1e9, np.float32)
    return seen.min(0), seen.max(0)
