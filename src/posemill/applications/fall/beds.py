"""Bed zones and one person: where it lay, and that it has left."""

from __future__ import annotations

from math import isnan

from posemill.applications.fall.geometry import BodyGeometry
from posemill.applications.fall.zones import Zones

SETTLED_S = 1.0  # so long in a zone, and the person is in bed
LEFT_S, LONGEST_LEFT_S = 0.25, 3.0  # hips so long outside the zone have left it; later they came from elsewhere
LEARNS = 0.1  # share of each pose in the place where the hips rest
LIES_DEG = 45.0  # of the trunk


class BedWatch:
    """Bed zones as one person uses them; `add` every pose of it."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._since_s = self._inside_s = -1e9
        self._place: tuple[float, float] | None = None
        self._told = False
        self.lies = False

    def __bool__(self) -> bool:
        return bool(self._zones)

    def add(self, now: BodyGeometry) -> None:
        """Take a pose."""
        if not self._zones or isnan(now.hip_x):
            return
        if not self._zones.hold(now.hip_x, now.hip_y):
            self.lies &= now.time_s - self._inside_s < LONGEST_LEFT_S
            return
        if now.time_s - self._inside_s > SETTLED_S:
            self._since_s, self._place = now.time_s, None
        self._inside_s, self._told = now.time_s, False
        self.lies = now.trunk_deg > LIES_DEG
        if self._place is None:
            self._place = now.hip_x, now.hip_y
        else:
            x, y = self._place
            self._place = x + LEARNS * (now.hip_x - x), y + LEARNS * (now.hip_y - y)

    def hold(self, now: BodyGeometry) -> bool:
        """True if the hips are within a zone."""
        return bool(self._zones) and not isnan(now.hip_x) and self._zones.hold(now.hip_x, now.hip_y)

    def left(self, now: BodyGeometry) -> bool:
        """True once when the hips of a person who was in bed have left the zone."""
        if self._told or not self._zones or isnan(now.hip_x) or self._inside_s - self._since_s < SETTLED_S:
            return False
        gone = LEFT_S <= now.time_s - self._inside_s < LONGEST_LEFT_S and not self.hold(now)
        self._told = gone
        return gone

    def distance_px(self, now: BodyGeometry) -> float:
        """Distance of the hips to the nearest zone; 0 within and without any."""
        return self._zones.distance_px(now.hip_x, now.hip_y) if self._zones and not isnan(now.hip_x) else 0.0

    def from_place_px(self, now: BodyGeometry) -> tuple[float, float]:
        """Way (x, y) of the hips from where they lay; zeros for who was in no bed."""
        if self._place is None or isnan(now.hip_x):
            return 0.0, 0.0
        return now.hip_x - self._place[0], now.hip_y - self._place[1]
