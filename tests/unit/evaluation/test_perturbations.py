"""Noise of a known strength does what it says, and nothing else; losses are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.evaluation.robustness import perturbations
from posemill.pose.skeleton import BODY_12

KEYPOINTS = len(BODY_12)


def people(count: int = 400, frames: int = 6) -> NDArray[np.float32]:
    """Standing still in a box of 50 × 200 px; the fourth keypoint is never seen."""
    pose = np.random.default_rng(1).uniform([0, 0], [50, 200], (KEYPOINTS, 2))
    pose[0], pose[1] = (0, 0), (50, 200)
    windows = np.concatenate(
        [np.broadcast_to(pose, (count, frames, KEYPOINTS, 2)), np.ones((count, frames, KEYPOINTS, 1))], -1
    ).astype(np.float32)
    windows[:, :, 3] = (np.nan, np.nan, 0)
    return windows


def noisy(kind: str, strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    before = people()
    after = before.copy()
    perturbations.PERTURBATIONS[kind](after, strength, BODY_12, np.random.default_rng(0))
    return before, after


def test_jitter_is_a_share_of_the_longer_side_and_moves_every_sighting() -> None:
    before, after = noisy("jitter", 0.05)
    shift = (after - before)[..., :2]
    assert float(np.nanstd(shift)) == pytest.approx(0.05 * 200, rel=0.02)
    assert float(np.nanmean(shift)) == pytest.approx(0, abs=0.2)
    assert np.isnan(after[:, :, 3, :2]).all()
    assert (after[..., 2] == before[..., 2]).all()


def test_dropout_loses_that_share_and_leaves_the_rest() -> None:
    before, after = noisy("dropout", 0.3)
    seen = ~np.isnan(before[..., 0])
    accuracy_drop = np.isnan(after[..., 0]) & seen
    assert accuracy_drop.sum() / seen.sum() == pytest.approx(0.3, abs=0.01)
    assert (after[accuracy_drop][:, 2] == 0).all()
    kept = seen & ~accuracy_drop
    assert (after[kept] == before[kept]).all()


def test_swaps_exchange_left_and_right_in_that_share_of_poses() -> None:
    before, after = noisy("swaps", 0.25)
    before, after = np.nan_to_num(before), np.nan_to_num(after)
    same = (after == before).all((2, 3))
    mirrored = (after == before[:, :, BODY_12.flip_index]).all((2, 3))
    assert (same ^ mirrored).all()
    assert mirrored.mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("kind", list(perturbations.PERTURBATIONS))
def test_no_strength_is_no_noise(kind: str) -> None:
    before, after = noisy(kind, 0.0)
    np.testing.assert_array_equal(after, before)


def by_sight(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class 1 as long as the first keypoint is seen in every frame, else class 0."""
    one = ~np.isnan(windows[:, :, 0, 0]).any(1)
    return np.stack([~one, one], 1).astype(np.float32)


def test_what_is_lost_is_counted_by_clip() -> None:
    """Of two clips one is right by luck when keypoints vanish: half of the accuracy is lost."""
    windows, clip = people(40, frames=30), np.repeat([7, 9], 20)
    actual = {7: 1, 9: 0}
    rows = np.arange(40)
    found = perturbations.perturbation_accuracy(
        by_sight, windows, rows, clip, actual, BODY_12, {"dropout": 0.4, "swaps": 0.1}, batch=7
    )
    assert [(s.kind, s.strength) for s in found] == [
        ("dropout", 0.0),
        ("dropout", 0.2),
        ("dropout", 0.4),
        ("dropout", 0.8),
        ("swaps", 0.0),
        ("swaps", 0.05),
        ("swaps", 0.1),
        ("swaps", 0.2),
    ]
    assert {s.accuracy for s in found} == {0.5}  # clip 7 right without noise, clip 9 with it
    only = perturbations.perturbation_accuracy(
        by_sight, windows, rows[:20], clip[:20], {7: 1}, BODY_12, {"dropout": 0.4}
    )
    assert [s.accuracy for s in only] == [1.0, 0.0, 0.0, 0.0]
    assert perturbations.accuracy_drop(only, "dropout", 0.4) == 1.0


def test_the_windows_are_not_touched_and_the_noise_is_the_same_every_time() -> None:
    windows = people(20)
    before = windows.copy()
    said: list[NDArray[np.float32]] = []

    def ask(asked: NDArray[np.float32]) -> NDArray[np.float32]:
        said.append(asked)
        return np.ones((len(asked), 2), np.float32) / 2

    for _ in range(2):
        perturbations.perturbation_accuracy(
            ask, windows, np.arange(20), np.arange(20), dict.fromkeys(range(20), 0), BODY_12, {"jitter": 0.1}
        )
    np.testing.assert_array_equal(windows, before)
    for first, second in zip(said[:4], said[4:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_loss_has_an_interval_of_pairs() -> None:
    """Twenty of a hundred clips are lost and none is won: 0.2 in the middle, and narrower with more clips."""
    few = perturbations.PerturbationAccuracy("dropout", 0.2, 0.7, lost=20, won=0, clips=100)
    many = perturbations.PerturbationAccuracy("dropout", 0.2, 0.7, lost=2000, won=0, clips=10_000)
    for found in (few, many):
        low, high = perturbations.drop_interval(found)
        assert (low + high) / 2 == pytest.approx(0.2, abs=1e-9)
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / found.clips), rel=0.05)
    low, high = perturbations.drop_interval(perturbations.PerturbationAccuracy("swaps", 0.1, 1.0, clips=50))
    assert low < 0 < high
