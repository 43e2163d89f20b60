"""Regions of interest: cropping pictures, and mapping poses back to the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose

MIN_SIDE_PX = 2  # below that there is nothing to scale


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels: x from `left` to before `right`, y from `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of_shares(cls, shares: tuple[float, float, float, float], height_px: int, width_px: int) -> Region:
        """Build a region from left, top, right, bottom as shares 0..1 of a picture; touched pixels belong to it."""
        left, top = int(shares[0] * width_px), int(shares[1] * height_px)
        right, bottom = (
            int(np.ceil(share * side)) for share, side in zip(shares[2:], (width_px, height_px), strict=True)
        )
        left, top = min(left, width_px - MIN_SIDE_PX), min(top, height_px - MIN_SIDE_PX)
        return cls(left, top, max(right, left + MIN_SIDE_PX), max(bottom, top + MIN_SIDE_PX))

    def crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop (H, W, 3) to the region, a view."""
        return image[self.top : self.bottom, self.left : self.right]

    def to_image(self, poses: Sequence[Pose]) -> list[Pose]:
        """Map poses from pixels of the crop to pixels of the whole picture."""
        corner = np.array([self.left, self.top], np.float32)
        return [replace(pose, xy=pose.xy + corner) for pose in poses]
