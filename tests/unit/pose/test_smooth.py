"""Smoothing of movements whose true course is known."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.params.prepare import WindowParams
from posemill.pose.smooth import HALF_POWER, Method, butterworth, kalman, one_euro, smooth

METHODS: tuple[Method, ...] = get_args(Method)
AHEAD: tuple[Method, ...] = ("gaussian", "butterworth", "kalman")
FPS = 30.0


def even(seconds: float = 4.0, fps: float = FPS) -> NDArray[np.float64]:
    return np.arange(round(seconds * fps)) / fps


def uneven(seconds: float = 4.0, seed: int = 0) -> NDArray[np.float64]:
    """Frames of 15 to 60 a second."""
    return np.cumsum(np.random.default_rng(seed).uniform(1 / 60, 1 / 15, round(seconds * 24)))


def swaying(time_s: NDArray[np.float64], hz: float = 0.5) -> NDArray[np.float32]:
    """(T, 3, 2) keypoints on sines of 100 px, a body about 300 px large."""
    turn = 2 * np.pi * hz * time_s[:, None] + np.array([0.0, 1.0, 2.0])
    return np.stack([100 * np.sin(turn), 300 * np.arange(3) + 50 * np.cos(turn)], -1).astype(np.float32)


def error(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.nanmean((a - b) ** 2)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("time_s", [even(), uneven()], ids=["even", "uneven"])
def test_a_noisy_sine_comes_nearer_to_the_true_one(method: Method, time_s: NDArray[np.float64]) -> None:
    true = swaying(time_s, 0.2)
    noisy = true + np.random.default_rng(1).normal(0, 10, true.shape).astype(np.float32)
    share = 0.6 if method in AHEAD else 0.8  # what looks ahead does better than what lags
    assert error(smooth(method, time_s, noisy, 0.06), true) < share * error(noisy, true)


@pytest.mark.parametrize(("method", "percent"), [("gaussian", 0), ("one_euro", 0), ("butterworth", 4), ("kalman", 4)])
def test_a_step_is_overshot_by_little_or_nothing(method: Method, percent: float) -> None:
    time_s = even()
    body = np.array([[0, 0], [0, 400]], np.float32)
    step = body + np.where(time_s < 2, 0, 100).astype(np.float32)[:, None, None]
    calm = smooth(method, time_s, step, 0.1)
    moved = calm - body
    assert moved.max() <= 100 + percent + 1e-3
    assert moved.min() >= -percent - 1e-3
    np.testing.assert_allclose(calm[[10, -10]], step[[10, -10]], atol=0.5)
    assert np.abs(np.diff(calm[:, 0, 0])).max() < 60  # it is a slope now


@pytest.mark.parametrize("method", AHEAD)
def test_uniform_motion_stays_as_it_is_between_the_ends(method: Method) -> None:
    for time_s in (even(), uneven()):
        steady = (50 * time_s)[:, None, None] * np.ones((1, 2, 2), np.float32)
        inner = slice(12, -12)
        slack = 1.0 if method == "gaussian" and time_s is not even() else 0.05
        np.testing.assert_allclose(smooth(method, time_s, steady, 0.05)[inner], steady[inner], atol=slack)


def test_one_euro_lags_less_when_it_is_fast() -> None:
    time_s = even()
    fast = (400 * time_s)[:, None, None] * np.ones((1, 1, 2), np.float32)
    lag = [float(fast[-1, 0, 0] - one_euro(time_s, fast, 1.0, beta=beta)[-1, 0, 0]) for beta in (0.0, 0.01)]
    assert lag[0] == pytest.approx(400 / (2 * np.pi), rel=0.02)  # a first order filter's time constant
    assert lag[1] < 0.4 * lag[0]


@pytest.mark.parametrize("method", AHEAD)
def test_equal_strength_means_half_the_power_at_the_same_frequency(method: Method) -> None:
    time_s, smooth_s = even(20.0, 60.0), 0.1
    sine = np.sin(2 * np.pi * HALF_POWER / smooth_s * time_s).astype(np.float32)[:, None, None]
    middle = smooth(method, time_s, sine, smooth_s)[400:-400]
    assert float(middle.std() / sine[400:-400].std()) == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_kalman_is_butterworth_on_even_frames() -> None:
    time_s = even(20.0)
    noise = np.random.default_rng(2).normal(0, 10, (len(time_s), 2, 2)).astype(np.float32)
    calm = [f(time_s, noise, 1.5)[150:-150] for f in (kalman, butterworth)]
    assert error(*calm) < 0.05 * error(calm[0], np.zeros_like(calm[0]))


@pytest.mark.parametrize("method", METHODS)
@given(hidden=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 2)), max_size=90), seed=st.integers(0, 99))
def test_unseen_stays_unseen_and_only_that(method: Method, hidden: list[tuple[int, int]], seed: int) -> None:
    time_s = uneven(2.5, seed)
    x = swaying(time_s)
    for frame, keypoint in hidden:
        x[frame, keypoint] = np.nan
    before = x.copy()
    calm = smooth(method, time_s, x, 0.1, 0.5)
    np.testing.assert_array_equal(np.isnan(calm), np.isnan(before))
    np.testing.assert_array_equal(x, before)  # the given array is not changed
    assert calm.dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
@given(angle=st.floats(0, 6.3), scale=st.floats(0.3, 3), shift=st.floats(-300, 300), seed=st.integers(0, 99))
def test_turning_scaling_and_moving_the_picture_commute(
    method: Method, angle: float, scale: float, shift: float, seed: int
) -> None:
    time_s = uneven(2.0, seed)
    x = swaying(time_s) + np.random.default_rng(seed).normal(0, 5, (len(time_s), 3, 2)).astype(np.float32)
    if method == "one_euro":
        angle = 0.0  # the body's size is a box's, which a turn changes
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    there = np.array([[c, s], [-s, c]], np.float32)
    moved = (x @ there + np.float32(shift)).astype(np.float32)
    np.testing.assert_allclose(
        smooth(method, time_s, moved, 0.1), smooth(method, time_s, x, 0.1) @ there + np.float32(shift), atol=0.05
    )


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_beyond_a_gap_has_no_influence(method: Method) -> None:
    time_s = even(2.0)
    x = swaying(time_s)
    x[25:45] = np.nan
    other = x.copy()
    other[45:] += 500
    np.testing.assert_array_equal(
        smooth(method, time_s, x, 0.1, 0.4)[:25], smooth(method, time_s, other, 0.1, 0.4)[:25]
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5])
def test_very_short_tracks(method: Method, frames: int) -> None:
    time_s = even()[:frames]
    calm = smooth(method, time_s, swaying(time_s), 0.1)
    assert calm.shape == (frames, 3, 2)
    assert np.isfinite(calm).all()


@pytest.mark.parametrize("method", METHODS)
def test_no_strength_changes_nothing(method: Method) -> None:
    x = swaying(even())
    assert smooth(method, even(), x, 0.0) is x


def test_the_parameter_knows_the_same_methods() -> None:
    assert get_args(WindowParams.model_fields["smoothing"].annotation) == METHODS
    with pytest.raises(InputError, match="gaussian, butterworth, kalman, one_euro"):
        smooth("median", even(), swaying(even()), 0.1)  # type: ignore[arg-type]
