"""Square crops around people, for views in which a person is as large as the network likes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Image, Pose

MIN_CROP_PX = 32
GREY = 127


def crop_around(pose: Pose, image: Image, margin: float) -> tuple[NDArray[np.float32], Image]:
    """Crop a square around the person with a margin; its top-left pixel in the picture comes first.

    All are square so that they become one size of the network's input; what is outside the picture is grey.

    Args:
        pose: in pixels of `image`; without a keypoint, the whole picture is meant.
        image: (H, W, 3) uint8 RGB.
        margin: share of the person's longer side, on each side of the crop.
    """
    seen = pose.xy[~np.isnan(pose.xy).any(-1)]
    low, high = (seen.min(0), seen.max(0)) if len(seen) else (np.zeros(2), np.array(image.shape[1::-1]))
    side = max(MIN_CROP_PX, round(float((high - low).max()) * (1 + 2 * margin)))
    left, top = (round(float(v)) for v in (low + high - side) / 2)
    corner = np.array([left, top], np.float32)
    return corner, cut_square(image, corner, side)


def cut_square(image: Image, corner: NDArray[np.float32], side_px: int) -> Image:
    """Cut a square whose top-left pixel is `corner` (x, y); what is outside the picture is grey."""
    left, top = (int(v) for v in corner)
    cut = np.full((side_px, side_px, 3), GREY, np.uint8)
    x, y = max(0, -left), max(0, -top)
    part = image[max(0, top) : max(0, top + side_px), max(0, left) : max(0, left + side_px)]
    cut[y : y + part.shape[0], x : x + part.shape[1]] = part
    return cut


def shifted(pose: Pose, corner: NDArray[np.float32]) -> Pose:
    """Map a pose from pixels of a crop to pixels of the picture."""
    return replace(pose, xy=pose.xy + corner)
