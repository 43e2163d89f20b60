"""Preprocessing: letterboxing a picture to the network's input, and mapping poses back to its own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 16  # sides of 16n + 1 put cell centres on both borders
MEAN_COLOUR = (124, 116, 104)  # ImageNet's, with which OpenPifPaf pads


@dataclass(frozen=True, slots=True)
class Placement:
    """Placement of a picture in the network's input: pixel p of the picture is at p * scale + offset.

    sides   height and width of the input, 16n + 1 each.
    inner   height and width of the scaled picture in it.
    offset  x, y of its top-left pixel.
    """

    height_px: int
    width_px: int
    sides: tuple[int, int]
    inner: tuple[int, int]
    offset: tuple[int, int]

    @property
    def scale(self) -> NDArray[np.float64]:
        """(2,) x, y: border pixels go to border pixels, as in OpenPifPaf."""
        return np.array([(self.inner[1] - 1) / (self.width_px - 1), (self.inner[0] - 1) / (self.height_px - 1)])

    def to_image(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (..., 2) pixels of the input to pixels of the picture."""
        return np.asarray((xy - np.array(self.offset)) / self.scale, np.float32)


def place(height_px: int, width_px: int, long_edge_px: int) -> Placement:
    """Letterbox: the longer side becomes `long_edge_px`, proportions stay, the rest is padded. Sides must be > 1."""
    factor = long_edge_px / max(height_px, width_px)
    # as OpenPifPaf rounds: the shorter side, and the height of a square, down
    tall = height_px > width_px
    inner = (long_edge_px, int(width_px * factor)) if tall else (int(height_px * factor), long_edge_px)
    inner = max(2, inner[0]), max(2, inner[1])
    sides = tuple(-(-(side - 1) // MULTIPLE) * MULTIPLE + 1 for side in inner)
    offset = (sides[1] - inner[1]) // 2, (sides[0] - inner[0]) // 2
    return Placement(height_px, width_px, (sides[0], sides[1]), inner, offset)


def network_input(image: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Scale and pad (H, W, 3) uint8 RGB to (*sides, 3) uint8 RGB with the mean colour.

    Normalisation is the network's own first step: bytes are quick to copy, and every runtime does it the same way.
    """
    import cv2

    (height, width), (left, top) = placement.inner, placement.offset
    out = np.empty((*placement.sides, 3), np.uint8)
    if placement.inner != placement.sides:
        out[:] = MEAN_COLOUR
    out[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return out
