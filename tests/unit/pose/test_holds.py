from __future__ import annotations

import numpy as np
import pytest

from posemill.pose.holds import longest_hold, speed

FPS = 20.0
BODY = np.stack([np.linspace(0, 50, 12), np.linspace(0, 200, 12)], -1)


def moved(way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A body that is at x = way(t) pixels."""
    xy = BODY + np.stack([way, np.zeros_like(way)], -1)[:, None]
    return np.arange(len(way)) / FPS, xy


def test_speed_is_in_body_lengths_a_second() -> None:
    time_s, xy = moved(np.arange(100) * 5.0)  # 100 px/s, the body is 200 px long
    np.testing.assert_allclose(speed(time_s, xy)[10:-10], 0.5, rtol=1e-6)


def test_the_longest_of_two_holds_is_found() -> None:
    way = np.concatenate([np.zeros(40), np.linspace(0, 400, 40), np.full(80, 400.0)])
    start, end = longest_hold(*moved(way))
    assert abs(start - 80) <= 6
    assert end == 160


def test_a_short_stir_does_not_end_a_hold_and_jitter_is_still() -> None:
    way = np.zeros(100) + np.random.default_rng(0).normal(0, 1.5, 100)
    way[50:52] += 40
    start, end = longest_hold(*moved(way))
    assert (start, end) == (0, 100)


def test_the_calmest_row_of_a_body_that_never_rests() -> None:
    start, end = longest_hold(*moved(np.cumsum(np.linspace(60, 20, 80))))
    assert end == start + 1 > 70


@pytest.mark.parametrize("hidden", [0, 5])
def test_unseen_keypoints_do_not_matter(hidden: int) -> None:
    time_s, xy = moved(np.zeros(60))
    xy[10:20, :hidden] = np.nan
    assert longest_hold(time_s, xy) == (0, 60)
