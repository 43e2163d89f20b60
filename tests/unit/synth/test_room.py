"""The room: furniture where it should be, a floor for shadows."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.synth.camera import look_at
from posemill.synth.room import Box, build, chair, furnish

CAMERA = look_at(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 0.0]), 100.0, 161, 121)


def test_a_box_is_where_it_projects_to() -> None:
    backdrop = build(CAMERA, [Box((-0.5, 0.5, -1.0), (0.5, 1.5, 0.0), (90, 60, 40))], 2.0, np.random.default_rng(0))
    seen = np.isfinite(backdrop.furniture)
    assert seen.sum() == pytest.approx(25 * 25, rel=0.1)  # one metre, four metres away
    assert backdrop.furniture[60, 80] == pytest.approx(4.0)
    assert not backdrop.floor[seen].any()


def test_the_floor_is_below_and_the_walls_are_not() -> None:
    backdrop = build(CAMERA, [], 2.0, np.random.default_rng(0))
    assert backdrop.floor[-1].all()
    assert not backdrop.floor[:60].any()
    assert np.isfinite(backdrop.image).all()
    assert backdrop.image.max() < 330


def test_furniture_never_stands_in_the_person() -> None:
    rng = np.random.default_rng(0)
    person = rng.uniform((-0.4, 0, -0.4), (0.4, 1.8, 0.4), (40, 3))
    for _ in range(30):
        for box in furnish(person, CAMERA, in_front=True, rng=rng):
            inside = ((person > box.low) & (person < box.high)).all(-1)
            assert not inside.any()


def test_a_chair_has_its_seat_at_the_given_height() -> None:
    boxes = chair(0.45, 1.0, 2.0, np.random.default_rng(0))
    seat = boxes[4]
    assert seat.high[1] == 0.45
    assert seat.low[0] < 1.0 < seat.high[0]
    assert max(b.high[1] for b in boxes) > 0.8
