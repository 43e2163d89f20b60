"""Zones of a camera picture: polygons in shares of its width and height, such as beds and the floor to watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

Corner = tuple[float, float]


def _valid(polygon: tuple[Corner, ...]) -> tuple[Corner, ...]:
    if len(polygon) < 3:
        raise ValueError(f"a zone should have at least three corners, has {len(polygon)}")
    if any(not 0 <= share <= 1 for corner in polygon for share in corner):
        raise ValueError("corners of a zone should be shares of the picture, 0..1")
    return polygon


Polygon = Annotated[tuple[Corner, ...], AfterValidator(_valid)]


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


class Zones:
    """Polygons of one kind on a picture of one size; none at all is a kind that is not used."""

    def __init__(self, polygons: Sequence[Sequence[Corner]], width_px: int, height_px: int) -> None:
        self._polygons, self._size = tuple(polygons), np.array([width_px, height_px], np.float64)

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def hold(self, x_px: float, y_px: float) -> bool:
        """True if one of them holds the point."""
        point = np.array([[x_px, y_px]]) / self._size
        return any(bool(inside(point, polygon)[0]) for polygon in self._polygons)
