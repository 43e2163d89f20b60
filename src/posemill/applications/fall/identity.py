"""Identity of bodies when the tracker loses a person: a body goes on under a new person number near its last place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import hypot, isnan

from posemill.applications.fall.activity import ActivityEvidence
from posemill.applications.fall.geometry import BodyGeometry
from posemill.applications.fall.person import PersonMonitor
from posemill.applications.fall.visibility import Visibility

KEPT_S, KEPT_DOWN_S = 3.0, 120.0  # a lost body is forgotten after so long; one that is down later
MOST_BODIES = 32
REACH, REACH_PER_S, FARTHEST = 0.5, 1.0, 1.5  # body lengths around the last place, growing with the time lost
SIZES = (0.4, 2.2)  # lengths of one body before and after
GETS_UP_S = 1.2  # nobody gets up from the floor faster: who appears upright sooner is somebody else


@dataclass(slots=True, eq=False)
class Body:
    """A body with what is known of it; `person` is the number that the tracker gave it last."""

    number: int
    person: int
    last: BodyGeometry
    monitor: PersonMonitor
    visibility: Visibility
    activity: ActivityEvidence | None

    @property
    def size_px(self) -> float:
        """Length of the standing body; of the newest pose while it is not known."""
        known = self.monitor.history.length_px
        return self.last.length_px if isnan(known) else known


class Identities:
    """Assign person numbers of a tracker to bodies, over changes of number."""

    def __init__(self, new: Callable[[int, int, BodyGeometry], Body]) -> None:
        self.bodies: list[Body] = []
        self._new = new  # number, person, geometry → body
        self._next = 0

    def assign(self, people: Mapping[int, BodyGeometry], time_s: float) -> Iterator[Body]:
        """Yield every seen body, its newest geometry in `last`. Bodies that nobody continues stay in `bodies`."""
        known = {body.person: body for body in self.bodies}
        taken = {known[person].number for person in people if person in known}
        for person, geometry in people.items():
            body = known.get(person) or self._nearest(geometry, time_s, taken)
            if body is None:
                body = self._new(self._next, person, geometry)
                self._next += 1
                self.bodies.append(body)
            taken.add(body.number)
            body.person, body.last = person, geometry
            yield body

    def lost(self, time_s: float) -> list[Body]:
        """Return the bodies that were not seen at this time, without those that were lost too long ago."""
        kept = [
            body for body in self.bodies if time_s - body.last.time_s <= (KEPT_DOWN_S if body.monitor.down else KEPT_S)
        ]
        if len(kept) > MOST_BODIES:
            kept = sorted(kept, key=lambda body: (body.monitor.down, body.last.time_s))[-MOST_BODIES:]
        self.bodies = kept
        return [body for body in kept if body.last.time_s < time_s]

    def _nearest(self, geometry: BodyGeometry, time_s: float, taken: set[int]) -> Body | None:
        near = [
            (distance, body)
            for body in self.bodies
            if body.number not in taken and (distance := _distance(body, geometry)) < _reach(body, time_s)
            if _same_size(body, geometry) and _possible(body, geometry, time_s)
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(body: Body, geometry: BodyGeometry) -> float:
    (x, y), (last_x, last_y) = geometry.middle, body.last.middle
    return hypot(x - last_x, y - last_y) / body.size_px


def _reach(body: Body, time_s: float) -> float:
    return min(FARTHEST, REACH + REACH_PER_S * (time_s - body.last.time_s))


def _same_size(body: Body, geometry: BodyGeometry) -> bool:
    return isnan(geometry.length_px) or SIZES[0] < geometry.length_px / body.size_px < SIZES[1]


def _possible(body: Body, geometry: BodyGeometry, time_s: float) -> bool:
    """False for somebody upright where a body lay on the floor a moment ago: a helper, not the fallen person."""
    if not body.monitor.down or time_s - body.last.time_s > GETS_UP_S:
        return True
    rises = (body.last.head_y - geometry.head_y) / body.size_px
    return not rises > 0.35
