"""Zones of a camera picture: polygons in shares of its width and height, such as beds and the floor to watch."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from posemill.pose.polygon import Corner, inside


def _to_border(point: NDArray[np.float64], corners: NDArray[np.float64]) -> float:
    """Distance of a point to the nearest edge of a polygon (N, 2)."""
    edges = np.roll(corners, -1, axis=0) - corners
    along = ((point - corners) * edges).sum(1) / np.maximum((edges**2).sum(1), 1e-9)
    nearest = corners + np.clip(along, 0, 1)[:, None] * edges
    return float(np.hypot(*(point - nearest).T).min())


class Zones:
    """Polygons of one kind on a picture of one size; none at all is a kind that is not used."""

    def __init__(self, polygons: Sequence[Sequence[Corner]], width_px: int, height_px: int) -> None:
        self._polygons, self._width, self._height = tuple(polygons), float(width_px), float(height_px)
        self._boxes = [(*map(min, zip(*p, strict=True)), *map(max, zip(*p, strict=True))) for p in self._polygons]

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def distance_px(self, x_px: float, y_px: float) -> float:
        """Distance of a point to the nearest of them, pixels; 0 within one, infinite where there is none."""
        if self.hold(x_px, y_px):
            return 0.0
        point, size = np.array([x_px, y_px]), np.array([self._width, self._height])
        return min((_to_border(point, np.array(polygon) * size) for polygon in self._polygons), default=inf)

    def hold(self, x_px: float, y_px: float) -> bool:
        """True if one of them holds the point."""
        x, y = x_px / self._width, y_px / self._height
        near = [
            polygon
            for polygon, (left, top, right, bottom) in zip(self._polygons, self._boxes, strict=True)
            if left <= x <= right and top <= y <= bottom
        ]
        return any(bool(inside(np.array([[x, y]]), polygon)[0]) for polygon in near)
