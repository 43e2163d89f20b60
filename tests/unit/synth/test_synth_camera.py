"""The camera: projections that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.synth.camera import View, around, look_at, random_view


def test_known_points() -> None:
    camera = look_at(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 0.0]), 200.0, 101, 81)
    points = np.array([[0, 1, 0], [1, 1, 0], [0, 2, 0], [1, 1, 2]], float)
    xy, depth = camera.project(points)
    np.testing.assert_allclose(xy, [[50, 40], [100, 40], [50, -10], [150, 40]])
    np.testing.assert_allclose(depth, [4, 4, 4, 2])


def test_behind_the_camera_there_is_no_pixel() -> None:
    camera = look_at(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 0.0]), 200.0, 100, 80)
    assert np.isnan(camera.project(np.array([0.0, 1.0, 5.0]))[0]).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), lying=st.booleans(), walking=st.booleans())
def test_everything_is_in_the_picture_where_it_should_be(seed: int, lying: bool, walking: bool) -> None:
    rng = np.random.default_rng(seed)
    view = random_view(rng, lying, walking)
    points = rng.uniform((-1, 0, -1), (1, 1.8, 1), (50, 3))
    camera = around(points, view, (384, 288))
    np.testing.assert_allclose(camera.turn @ camera.turn.T, np.eye(3), atol=1e-9)
    xy, depth = camera.project(points)
    off = np.abs(xy - camera.middle) / (camera.middle + 0.5)
    assert (depth > 0).all()
    assert off.max() == pytest.approx(view.fill, rel=0.02)


@pytest.mark.parametrize(
    ("azimuth", "name"), [(0, "frontal"), (-20, "frontal"), (40, "oblique"), (-90, "side"), (170, "behind")]
)
def test_views_have_names(azimuth: float, name: str) -> None:
    assert View(azimuth, 1.5, 50, 0.9, 0).name == name


@given(seed=st.integers(0, 10_000))
def test_somebody_who_is_addressed_sees_the_gesture(seed: int) -> None:
    view = random_view(np.random.default_rng(seed), addressed=True)
    assert view.name in ("frontal", "oblique")
