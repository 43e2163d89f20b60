"""Measures against angles known by hand, and the same in the picture and in space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.coach.measures import (
    KEYPOINTS,
    Seen,
    ahead,
    angle,
    bend,
    body_length,
    by_name,
    is_keypoint,
    lean,
    width_ratio,
)
from posemill.pose.skeleton import OPENPOSE_18


def seen(near_left: bool = True, **places: tuple[float, ...]) -> Seen:
    size = len(next(iter(places.values())))
    points = np.full((17, size), np.nan)
    for name, place in places.items():
        points[KEYPOINTS.index(name)] = place
    return Seen(points, np.array(near_left))


@given(st.floats(-80, 80), st.floats(-180, 180))
def test_bend_tells_to_which_side_and_does_not_depend_on_the_body_axis(bent: float, turned: float) -> None:
    """A body along +x with its back up, its hip raised by half the bend on either side; the whole turned."""
    half = np.deg2rad(bent / 2)
    places = np.array([[np.cos(half), -np.sin(half)], [0.0, 0.0], [-np.cos(half), -np.sin(half)]])
    c, s = np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))
    shoulder, hip, ankle = places @ np.array([[c, s], [-s, c]])
    body = seen(left_shoulder=tuple(shoulder), left_hip=tuple(hip), left_ankle=tuple(ankle))
    assert float(bend(body, "shoulder", "hip", "ankle")) == pytest.approx(180 + bent, abs=1e-5)


def test_angle_lean_ahead_and_ratio_of_a_drawn_body() -> None:
    body = seen(
        left_shoulder=(1.0, 2.0),
        left_hip=(0.0, 1.0),
        left_knee=(1.0, 1.0),
        left_ankle=(1.0, 0.0),
        right_knee=(1.5, 1.0),
        right_ankle=(3.0, 0.0),
    )
    assert float(angle(body, "left_hip", "left_knee", "left_ankle")) == pytest.approx(90)
    assert float(lean(body, "left_hip", "left_shoulder")) == pytest.approx(45)
    assert float(body_length(body)) == pytest.approx(np.sqrt(2) + 2)
    assert float(ahead(body, "left_knee", "left_hip")) == pytest.approx(1 / (np.sqrt(2) + 2))
    ratio = width_ratio(body, "left_knee", "right_knee", "left_ankle", "right_ankle")
    assert float(ratio) == pytest.approx(0.25)


def test_lean_backward_is_negative() -> None:
    assert float(lean(seen(left_hip=(0.0, 0.0), left_shoulder=(-1.0, 1.0)), "hip", "shoulder")) == pytest.approx(-45)


def test_a_part_without_side_is_the_near_one_and_the_other_where_that_is_hidden() -> None:
    both = seen(near_left=False, left_hip=(1.0, 0.0), right_hip=(2.0, 0.0))
    assert both.keypoint("hip").tolist() == [2.0, 0.0]
    assert both.keypoint("far_hip").tolist() == [1.0, 0.0]
    assert both.keypoint("mid_hip").tolist() == [1.5, 0.0]
    hidden = seen(near_left=False, left_hip=(1.0, 0.0))
    assert hidden.keypoint("hip").tolist() == [1.0, 0.0]
    assert hidden.names("hip") == ("left_hip",)


def test_the_front_leg_is_the_one_whose_ankle_is_ahead() -> None:
    body = seen(left_ankle=(0.0, 0.0), right_ankle=(1.0, 0.0), left_knee=(0.1, 1.0), right_knee=(0.9, 1.0))
    assert body.names("front_knee") == ("right_knee",)
    assert body.keypoint("rear_knee").tolist() == [0.1, 1.0]


@pytest.mark.parametrize(("name", "known"), [("hip", True), ("left_hip", True), ("front_knee", True), ("nose", True)])
def test_known_names(name: str, known: bool) -> None:
    assert is_keypoint(name) is known


@pytest.mark.parametrize("name", ["neck", "far_nose", "front", "leftknee", "mid_left_hip", ""])
def test_unknown_names(name: str) -> None:
    assert not is_keypoint(name)


def test_keypoints_come_by_name_from_any_skeleton() -> None:
    xy = np.arange(36.0).reshape(18, 2)
    found = by_name(xy, OPENPOSE_18)
    assert found[KEYPOINTS.index("left_hip")].tolist() == xy[OPENPOSE_18.index("left_hip")].tolist()
    assert np.isfinite(found).all()
