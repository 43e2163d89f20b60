"""Zone events: a person enters or leaves a polygon on the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posemill.edge.config import ZoneConfig
from posemill.edge.message import EdgeEvent
from posemill.estimation.types import Pose
from posemill.pose.polygon import inside
from posemill.pose.skeleton import Skeleton

SETTLED_S = 0.4  # time on the other side of a border before somebody has crossed it
_FEET, _HIPS = ("left_ankle", "right_ankle"), ("left_hip", "right_hip")


class ZoneEvents:
    """People in the zones of a source.

    A person is where the middle of the seen ankles is; without ankles that of the hips, then of all keypoints. Who is
    gone for longer than `gone_s` has left.
    """

    def __init__(self, zones: Sequence[ZoneConfig], skeleton: Skeleton, gone_s: float) -> None:
        self._zones, self._gone_s = tuple(zones), gone_s
        self._anchors = [[skeleton.index(k) for k in ks if k in skeleton.keypoints] for ks in (_FEET, _HIPS)]
        self._inside: dict[tuple[str, int], float] = {}  # since when, seconds
        self._crossing: dict[tuple[str, int], float] = {}
        self._seen_s: dict[int, float] = {}

    def people(self, zone: str) -> int:
        """Number of people in a zone."""
        return sum(1 for name, _ in self._inside if name == zone)

    @property
    def occupied(self) -> dict[str, int]:
        """Zone → number of people in it; zones without any are left out."""
        return {zone.name: count for zone in self._zones if (count := self.people(zone.name))}

    def update(self, time_s: float, people: Mapping[int, Pose], size_px: tuple[int, int]) -> list[EdgeEvent]:
        """Take the next frame's people; size_px is width and height of the picture."""
        events: list[EdgeEvent] = []
        for person, pose in people.items() if self._zones else ():
            self._seen_s[person] = time_s
            at = self._place(pose) / np.array(size_px)
            for zone in self._zones:
                events += self._at(zone, person, bool(inside(at[None], zone.polygon)[0]), time_s)
        gone = [person for person, seen_s in self._seen_s.items() if time_s - seen_s > self._gone_s]
        return events + [event for person in gone for event in self._forget(person, time_s)]

    def end_all(self, time_s: float) -> list[EdgeEvent]:
        """Let everybody leave, as where the source ends."""
        return [event for person in list(self._seen_s) for event in self._forget(person, time_s)]

    def _place(self, pose: Pose) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        for keypoints in (*self._anchors, list(range(len(pose.xy)))):
            seen = pose.xy[keypoints][~np.isnan(pose.xy[keypoints, 0])]
            if len(seen):
                return np.asarray(seen.mean(0), np.float64)
        return np.full(2, np.nan)

    def _at(self, zone: ZoneConfig, person: int, now_inside: bool, time_s: float) -> list[EdgeEvent]:
        key = zone.name, person
        if now_inside == (key in self._inside):
            self._crossing.pop(key, None)
            return []
        since_s = self._crossing.setdefault(key, time_s)
        if time_s - since_s < SETTLED_S:
            return []
        del self._crossing[key]
        return [self._entered(key, since_s, time_s) if now_inside else self._left(key, since_s, time_s)]

    def _entered(self, key: tuple[str, int], since_s: float, time_s: float) -> EdgeEvent:
        zone, person = key
        self._inside[key] = since_s
        return EdgeEvent(
            "zone", "entered", person, time_s, since_s, f"person {person} entered {zone}", details={"zone": zone}
        )

    def _left(self, key: tuple[str, int], end_s: float, time_s: float) -> EdgeEvent:
        zone, person = key
        start_s = self._inside.pop(key)
        message = f"person {person} left {zone} after {end_s - start_s:.1f} s"
        return EdgeEvent("zone", "left", person, time_s, start_s, message, end_s, details={"zone": zone})

    def _forget(self, person: int, time_s: float) -> list[EdgeEvent]:
        seen_s = self._seen_s.pop(person)
        self._crossing = {key: since_s for key, since_s in self._crossing.items() if key[1] != person}
        return [self._left(key, seen_s, time_s) for key in list(self._inside) if key[1] == person]
