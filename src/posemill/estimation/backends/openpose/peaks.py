"""Peaks of heat maps with sub-cell accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-4  # heat below has no logarithm worth fitting
_BEFORE = ((-1, -1), (-1, 0), (-1, 1), (0, -1))  # neighbours that come first; the others are opposite


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Candidates for keypoints, sorted by keypoint, the most confident first.

    keypoint    (N,) int64 number of the keypoint.
    xy          (N, 2) float32, cells; 0 is the middle of the first cell.
    confidence  (N,) float32, heat of the cell.
    """

    keypoint: NDArray[np.int64]
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]


def find_peaks(heat: NDArray[np.float32], threshold: float, most: int) -> Peaks:
    """Cells hotter than their eight neighbours and than `threshold`, at most `most` a keypoint. heat (K, h, w)."""
    bordered = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    height, width = heat.shape[1:]

    def shifted(dy: int, dx: int) -> NDArray[np.float32]:
        return bordered[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    peak = heat > threshold
    for dy, dx in _BEFORE:  # of equally hot neighbours the last one is the peak
        peak &= (heat >= shifted(dy, dx)) & (heat > shifted(-dy, -dx))
    keypoint, row, column = np.nonzero(peak)
    confidence = heat[keypoint, row, column]
    order = np.lexsort((-confidence, keypoint))
    keypoint, row, column, confidence = keypoint[order], row[order], column[order], confidence[order]
    rank = np.arange(len(keypoint)) - np.searchsorted(keypoint, keypoint)
    keep = rank < most
    keypoint, row, column = keypoint[keep], row[keep], column[keep]
    xy = np.stack(
        [column + _vertex(heat, keypoint, row, column, 0, 1), row + _vertex(heat, keypoint, row, column, 1, 0)], -1
    )
    return Peaks(keypoint, xy.astype(np.float32), confidence[keep])


def _vertex(
    heat: NDArray[np.float32],
    keypoint: NDArray[np.int64],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    dy: int,
    dx: int,
) -> NDArray[np.float64]:
    """(N,) cells from a peak to the vertex of the parabola through the logarithms along one axis: exact for Gaussians.

    At the border there is no neighbour, so the peak stays where it is.
    """
    height, width = heat.shape[1:]
    inside = (row - dy >= 0) & (row + dy < height) & (column - dx >= 0) & (column + dx < width)
    back, forth = (
        heat[keypoint, np.where(inside, row + s * dy, row), np.where(inside, column + s * dx, column)] for s in (-1, 1)
    )
    a, b, c = (np.log(np.maximum(v, _FLOOR)).astype(np.float64) for v in (back, heat[keypoint, row, column], forth))
    bend = a - 2 * b + c
    return np.where(bend < 0, 0.5 * (a - c) / np.where(bend < 0, bend, 1), 0.0).clip(-0.5, 0.5)
