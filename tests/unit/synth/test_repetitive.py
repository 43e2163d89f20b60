from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.synth.excursions import mirrored, random_excursion
from posemill.synth.observation import estimated, project
from posemill.synth.repetitive import random_take


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_truth_of_a_take_agrees_with_itself(seed: int) -> None:
    take = random_take(np.random.default_rng(seed), duration_s=20.0)
    assert np.isfinite(take.points).all()
    starts, ends = (np.array([span[i] for span in take.spans]) for i in (0, 1))
    assert (starts[1:] >= ends[:-1] - 1e-9).all()
    inside = np.zeros(len(take.time_s), bool)
    for start, end in take.spans:
        inside |= (take.time_s >= start - 1e-9) & (take.time_s < end - 1e-9)
    np.testing.assert_array_equal(inside, take.period_s > 0)


def test_a_seed_gives_its_take() -> None:
    first, again = (random_take(np.random.default_rng(5), 8.0) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    assert first.spans == again.spans


@given(st.integers(0, 10_000))
def test_a_mirrored_movement_mirrored_is_itself(seed: int) -> None:
    offsets = random_excursion(np.random.default_rng(seed)).offsets
    assert mirrored(mirrored(offsets)) == offsets


def test_cameras_keep_the_shape_of_a_batch_and_errors_hide_a_part() -> None:
    rng = np.random.default_rng(0)
    points = np.stack([random_take(rng, 10.0).points for _ in range(6)])
    seen = project(rng, points, np.zeros(points.shape[:2], bool))
    noisy, found = estimated(rng, seen)
    assert noisy.shape == seen.shape == (*points.shape[:3], 2)
    assert np.isfinite(noisy).all()
    assert 0.5 < found.mean() < 1
