"""Zones as polygons, and the presets that come with the fall alarm."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.fall.zones import Zones
from posemill.pose.polygon import inside

PRESETS = sorted(files("posemill.applications.fall").joinpath("presets").iterdir(), key=str)


@given(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_a_rectangle_holds_what_is_between_its_sides(x: float, y: float) -> None:
    corners = [(0.2, 0.1), (0.7, 0.1), (0.7, 0.9), (0.2, 0.9)]
    expected = 0.2 < x < 0.7 and 0.1 < y < 0.9
    on_a_side = min(abs(x - 0.2), abs(x - 0.7), abs(y - 0.1), abs(y - 0.9)) < 1e-6
    assert on_a_side or bool(inside(np.array([[x, y]]), corners)[0]) == expected


def test_a_hollow_polygon_and_a_point_that_is_not_seen() -> None:
    hollow = [(0, 0), (1, 0), (1, 1), (0.5, 0.2), (0, 1)]
    assert inside(np.array([[0.1, 0.5], [0.5, 0.5], [np.nan, 0.5]]), hollow).tolist() == [True, False, False]


def test_zones_are_shares_of_the_picture() -> None:
    zones = Zones([[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]], 200, 100)
    assert zones.hold(50, 50)
    assert not zones.hold(150, 50)
    assert not Zones([], 200, 100)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_are_valid(preset: object) -> None:
    values = yaml.safe_load(preset.read_text())  # type: ignore[attr-defined]
    assert FallAlarm.from_values(values).params.alarm_after_s < 3


def test_there_is_a_preset_a_room() -> None:
    assert [preset.name for preset in PRESETS] == ["bedroom.yaml", "corridor.yaml", "living_room.yaml"]
