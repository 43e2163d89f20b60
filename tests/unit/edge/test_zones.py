"""Zone events: entering, leaving, and a border that is only touched."""

from __future__ import annotations

import numpy as np

from posemill.edge.config import ZoneConfig
from posemill.edge.zones import ZoneEvents
from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17

BED = ZoneConfig("bed", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
SIZE = (200, 100)


def at(x: float) -> Pose:
    """A person whose head is at 0 and whose feet are at x."""
    xy = np.zeros((17, 2), np.float32)
    xy[15:] = (x, 50)
    return Pose(xy, np.ones(17, np.float32), 0.9)


def run(zones: ZoneEvents, xs: list[float | None]) -> list[tuple[str, float, float | None]]:
    events = []
    for n, x in enumerate(xs):
        events += zones.update(n * 0.2, {} if x is None else {7: at(x)}, SIZE)
    return [(e.kind, round(e.start_s, 3), None if e.end_s is None else round(e.end_s, 3)) for e in events]


def test_feet_enter_and_leave() -> None:
    zones = ZoneEvents([BED], COCO_17, 1.0)
    assert run(zones, [20, 150, 150, 150, 150]) == [("entered", 0.2, None)]
    assert zones.occupied == {"bed": 1}
    zones = ZoneEvents([BED], COCO_17, 1.0)
    assert run(zones, [150] * 4 + [20] * 4) == [("entered", 0.0, None), ("left", 0.0, 0.8)]
    assert zones.occupied == {}


def test_a_touch_of_the_border_is_no_event() -> None:
    assert run(ZoneEvents([BED], COCO_17, 1.0), [20, 150, 20, 150, 20]) == []


def test_who_is_gone_has_left() -> None:
    assert run(ZoneEvents([BED], COCO_17, 0.5), [150] * 4 + [None] * 4)[1] == ("left", 0.0, 0.6)
    zones = ZoneEvents([BED], COCO_17, 9.0)
    run(zones, [150] * 4)
    assert [(e.kind, e.person, e.details) for e in zones.end_all(2.0)] == [("left", 7, {"zone": "bed"})]


def test_feet_that_are_not_seen() -> None:
    pose = at(20)
    pose.xy[11:13] = (150, 40)
    pose.xy[13:] = np.nan
    zones = ZoneEvents([BED], COCO_17, 1.0)
    events = [e for n in range(4) for e in zones.update(n * 0.2, {0: pose}, SIZE)]
    assert [e.kind for e in events] == ["entered"]
