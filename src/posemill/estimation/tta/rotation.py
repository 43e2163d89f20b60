"""Rotated views of a picture: networks trained on people who stand find those who lie in a picture turned a quarter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.postprocess import nms
from posemill.estimation.preprocess import MULTIPLE, Placement, network_input, place
from posemill.estimation.types import Pose

ROTATED_SCALE = 0.75  # who lies in a landscape picture is large in it


class RotatedView:
    """A picture (H, W, 3) uint8 RGB, rotated counterclockwise by `quarter_turns` quarters for the network."""

    def __init__(self, image: NDArray[np.uint8], quarter_turns: int, long_edge_px: int) -> None:
        self.image, self.quarter_turns = image, quarter_turns
        height, width = image.shape[:2]
        sides = (height, width) if quarter_turns % 2 == 0 else (width, height)
        self.placement: Placement = place(*sides, long_edge_px)

    def network_input(self) -> NDArray[np.uint8]:
        """See preprocess.network_input."""
        rotated = np.ascontiguousarray(np.rot90(self.image, self.quarter_turns)) if self.quarter_turns else self.image
        return network_input(rotated, self.placement)

    def to_image(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (K, 2) pixels of the network's input to pixels of the upright picture."""
        x, y = self.placement.to_image(xy).T
        height, width = self.image.shape[:2]
        upright = {0: (x, y), 1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}
        return np.stack(upright[self.quarter_turns % 4], -1).astype(np.float32)


def rotated_long_edge(long_edge_px: int) -> int:
    """Return the long edge of rotated views, again 16n + 1."""
    return round(ROTATED_SCALE * (long_edge_px - 1) / MULTIPLE) * MULTIPLE + 1


def with_rotation_fallback(
    image: NDArray[np.uint8], long_edge_px: int, threshold: float, pose: Callable[[RotatedView], Sequence[Pose]]
) -> list[Pose]:
    """Pose a picture upright, and rotated to both sides too when nobody in it reaches the confidence threshold.

    Args:
        image: (H, W, 3) uint8 RGB.
        long_edge_px: longer side given to the network; rotated views get three quarters of it.
        threshold: person confidence 0..1; 0 = never rotate.
        pose: runs network and decoder on a view.
    """
    poses = list(pose(RotatedView(image, 0, long_edge_px)))
    if not threshold or any(each.person_confidence >= threshold for each in poses):
        return poses
    for quarter_turns in (1, 3):
        poses += pose(RotatedView(image, quarter_turns, rotated_long_edge(long_edge_px)))
    return nms(poses)
