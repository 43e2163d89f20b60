"""Polygons on a picture, such as the zones of a camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Corner = tuple[float, float]


def inside(points: NDArray[np.floating], polygon: Sequence[Corner]) -> NDArray[np.bool_]:
    """Test points (N, 2) against a polygon by the even-odd rule; a NaN point is outside.

    Examples:
        >>> square = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
        >>> inside(np.array([[0.5, 0.5], [0.9, 0.5]]), square).tolist()
        [True, False]
    """
    x, y = np.asarray(points, np.float64).T
    result = np.zeros(len(x), bool)
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            result ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return result
