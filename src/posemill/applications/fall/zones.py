"""Zones of a camera picture: polygons in shares of its width and height, such as beds and the floor to watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from posemill.pose.polygon import Corner, inside


def _valid(polygon: tuple[Corner, ...]) -> tuple[Corner, ...]:
    if len(polygon) < 3:
        raise ValueError(f"a zone should have at least three corners, has {len(polygon)}")
    if any(not 0 <= share <= 1 for corner in polygon for share in corner):
        raise ValueError("corners of a zone should be shares of the picture, 0..1")
    return polygon


Polygon = Annotated[tuple[Corner, ...], AfterValidator(_valid)]


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
