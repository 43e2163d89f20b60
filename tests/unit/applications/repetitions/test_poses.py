from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.repetitions.poses import KEYPOINTS, TimeGrid, standardise


@given(
    st.integers(0, 1000),
    st.tuples(st.floats(0.01, 1000), st.floats(0.01, 1000)),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_scale_aspect_and_place_do_not_matter(
    seed: int, scale: tuple[float, float], place: tuple[float, float]
) -> None:
    points = np.random.default_rng(seed).normal(size=(3, KEYPOINTS, 2))
    points[1, 4] = np.nan
    first, seen = standardise(points)
    again, seen_again = standardise(points * scale + place)
    np.testing.assert_allclose(first, again, atol=1e-3)
    np.testing.assert_array_equal(seen, seen_again)


def test_each_axis_has_mean_0_and_deviation_1_over_what_is_seen() -> None:
    points = np.random.default_rng(0).normal(3, 7, (1, KEYPOINTS, 2))
    points[0, :3] = np.nan
    poses, seen = standardise(points)
    assert seen.sum() == KEYPOINTS - 3
    np.testing.assert_allclose(poses[seen].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(poses[seen].std(0), 1, atol=1e-5)
    assert not poses[~seen].any()


def test_a_pose_of_four_keypoints_is_not_seen() -> None:
    points = np.full((KEYPOINTS, 2), np.nan)
    points[:4] = np.arange(8).reshape(4, 2)
    assert not standardise(points)[1].any()


def _bins(fps: float, duration_s: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    grid, done = TimeGrid(0.1), []
    for i in range(round(duration_s * fps)):
        pose = np.full((KEYPOINTS, 2), i / fps, np.float32)
        done += grid.push(i / fps, pose, np.ones(KEYPOINTS, bool))
    done += grid.finish()
    return np.stack([pose for pose, _ in done]), np.stack([seen for _, seen in done])


@pytest.mark.parametrize("fps", [4.0, 8.0, 10.0, 12.5, 30.0, 59.94])
def test_any_frame_rate_gives_the_same_grid(fps: float) -> None:
    poses, seen = _bins(fps)
    expected = np.arange(len(poses)) * 0.1 + 0.05
    assert len(poses) == int((round(2 * fps) - 1) / fps * 10 + 1e-6) + 1
    assert seen.all()
    # a line in time; a bin's mean is off its middle by at most half a frame or half a bin
    assert np.abs(poses[:, 0, 0] - expected).max() <= max(0.5 / fps, 0.05) + 1e-6


def test_a_long_gap_between_frames_is_not_bridged() -> None:
    grid, pose, seen = TimeGrid(0.1), np.ones((KEYPOINTS, 2), np.float32), np.ones(KEYPOINTS, bool)
    grid.push(0.0, pose, seen)
    done = grid.push(1.0, pose, seen)
    assert [bool(s.all()) for _, s in done] == [True] + 9 * [False]
