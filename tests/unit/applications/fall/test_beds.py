"""Bed zones and one person: lying there, leaving them, how far away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posemill.applications.fall.beds import BedWatch
from posemill.applications.fall.geometry import BodyGeometry, GeometryReader
from posemill.applications.fall.zones import Zones
from stick_people import HEIGHT_PX, LIE, STREAM, WIDTH_PX, people

BED = ((0.25, 0.5), (0.75, 0.5), (0.75, 0.75), (0.25, 0.75))


def lying(time_s: float, x_share: float, y_share: float) -> BodyGeometry:
    pose = next(iter(people((LIE,), seconds=0.1, noise=0))).people[0]
    body = GeometryReader(STREAM.skeleton, WIDTH_PX, HEIGHT_PX).read(time_s, pose.xy, pose.confidence, 0.1)
    assert body is not None
    return replace(body, hip_x=x_share * WIDTH_PX, hip_y=y_share * HEIGHT_PX)


def watch(*polygons: object) -> BedWatch:
    return BedWatch(Zones(polygons, WIDTH_PX, HEIGHT_PX))  # type: ignore[arg-type]


def test_leaving_the_bed_is_told_once_and_only_of_who_was_in_it() -> None:
    beds = watch(BED)
    told = []
    for n in range(40):
        body = lying(n / 10, 0.5, 0.6 if n < 20 else 0.9)
        beds.add(body)
        told.append(beds.left(body))
        assert beds.lies == (n < 20) or n >= 20
    assert told.index(True) in (22, 23)
    assert sum(told) == 1
    passing = watch(BED)
    for n in range(20):
        body = lying(n / 10, 0.5, 0.6 if 5 <= n < 10 else 0.9)
        passing.add(body)
        assert not passing.left(body)


def test_the_way_from_the_place_in_bed_and_the_distance_to_it() -> None:
    beds = watch(BED)
    for n in range(30):
        beds.add(lying(n / 10, 0.5, 0.6))
    beside = lying(3.2, 0.6, 0.85)
    assert beds.from_place_px(beside) == pytest.approx((0.1 * WIDTH_PX, 0.25 * HEIGHT_PX))
    assert beds.distance_px(beside) == pytest.approx(0.1 * HEIGHT_PX)
    assert beds.distance_px(lying(3.2, 0.5, 0.7)) == 0


def test_without_zones_nobody_is_in_bed() -> None:
    beds = watch()
    body = lying(0, 0.5, 0.6)
    beds.add(body)
    assert not beds
    assert not beds.lies
    assert not beds.hold(body)
    assert beds.distance_px(body) == 0
    assert beds.from_place_px(body) == (0, 0)
