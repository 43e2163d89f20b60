from __future__ import annotations

import base64

import numpy as np
import pytest

from posemill.pose.skeleton import BODY_12
from posemill.report import plots
from posemill.report.skeletons import Strip, _side_by_side, pick, sheet


def source(uri: str) -> str:
    return base64.b64decode(uri.split(",")[1]).decode()


@pytest.mark.parametrize(("length", "count", "wanted"), [(9, 3, [0, 4, 8]), (2, 5, [0, 1]), (1, 4, [0]), (5, 1, [0])])
def test_pick_spreads_over_the_whole_and_takes_each_once(length: int, count: int, wanted: list[int]) -> None:
    assert pick(length, count).tolist() == wanted


def test_poses_of_a_strip_stand_side_by_side_and_keep_their_shape_and_height() -> None:
    rng = np.random.default_rng(0)
    xy = (rng.random((4, 12, 2)) * 100).astype(np.float32)
    xy[2] = np.nan
    moved = _side_by_side(xy)
    assert np.allclose(moved[..., 1], xy[..., 1], equal_nan=True)
    assert np.allclose(np.diff(moved[..., 0], axis=1), np.diff(xy[..., 0], axis=1), equal_nan=True, atol=1e-3)
    left, right = np.nanmin(moved[[0, 1, 3], :, 0], 1), np.nanmax(moved[[0, 1, 3], :, 0], 1)
    assert (left[1:] > right[:-1]).all()


def test_left_and_right_have_their_colours_and_the_unseen_is_not_drawn() -> None:
    xy = np.full((1, 12, 2), np.nan, np.float32)
    xy[0, [BODY_12.index("left_shoulder"), BODY_12.index("left_elbow")]] = [[0, 0], [0, 10]]
    drawing = source(sheet([Strip(xy, BODY_12, "left arm")], columns=1))
    assert plots.LEFT in drawing
    assert plots.RIGHT not in drawing


def test_a_strip_without_anybody_says_so_and_does_not_fail() -> None:
    empty = Strip(np.full((2, 12, 2), np.nan, np.float32), BODY_12, "empty")
    assert sheet([empty, empty, empty]).startswith("data:image/svg+xml")


def test_histogram_of_nothing_and_of_one_value() -> None:
    _, (left, right) = plots.axes(4, 2, 1, 2)
    plots.histogram(left, np.array([np.nan]), "t", "u")
    plots.histogram(right, np.array([3.0, 3.0]), "t", "u")
    assert left.texts[0].get_text() == "nothing measured"
    assert sum(p.get_height() for p in right.patches) == 2


def test_histogram_of_figures_that_differ_by_rounding_alone() -> None:
    _, (ax,) = plots.axes(4, 2)
    plots.histogram(ax, np.array([30.0, np.nextafter(30.0, 31)]), "t", "u")
    assert sum(p.get_height() for p in ax.patches) == 2


def test_heat_writes_every_count_that_is_not_zero() -> None:
    _, (ax,) = plots.axes(3, 3)
    counts = np.array([[5, 1], [0, 7]])
    plots.heat_map(ax, counts, ["a", "b"])
    assert [t.get_text() for t in ax.texts] == ["5", "1", "7"]
