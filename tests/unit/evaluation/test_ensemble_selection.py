"""Ensembles whose votes are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.evaluation.ensemble_selection import EXHAUSTIVE_UP_TO, select_ensemble

CLIPS = np.repeat(np.arange(6), 2)
ACTUAL = np.repeat([0, 1, 2, 0, 1, 2], 2)


def member(wrong: set[int], sure: float = 2.0, unsure: float = 2.0) -> NDArray[np.float32]:
    """(12, 3) logits: `sure` and right, except for the clips `wrong`, where the next class is said and `unsure`."""
    fault = np.isin(CLIPS, list(wrong))
    said = np.where(fault, (ACTUAL + 1) % 3, ACTUAL)
    return (np.where(fault, unsure, sure)[:, None] * np.eye(3)[said]).astype(np.float32)


def test_members_with_different_faults_outvote_each_other() -> None:
    """Each is wrong in two of six clips, never in the same: two of three votes are right everywhere."""
    found = select_ensemble([member({0, 1}), member({2, 3}), member({4, 5})], CLIPS, ACTUAL, 0.0)
    assert [e.accuracy for e in found.alone] == [4 / 6] * 3
    assert found.chosen.members == found.best.members == (0, 1, 2)
    assert found.best.accuracy == 1.0
    assert [len(e.members) for e in found.by_size] == [1, 2, 3]
    assert found.tried == 3 + 3 + 1


@pytest.mark.parametrize(("margin", "size"), [(0.0, 3), (0.2, 2), (0.4, 1)])
def test_the_smallest_within_the_margin(margin: float, size: int) -> None:
    """Wrong answers are unsure: one network has 4 of 6 right, two 5 (what both have wrong stays wrong), three 6."""
    members = [member(wrong, unsure=0.5) for wrong in ({0, 1}, {1, 2}, {2, 0})]
    found = select_ensemble(members, CLIPS, ACTUAL, margin)
    assert [round(6 * e.accuracy) for e in found.by_size] == [4, 5, 6]
    assert len(found.chosen.members) == size


def test_of_equal_accuracy_the_smaller_loss_is_taken() -> None:
    found = select_ensemble([member(set(), 1.0), member(set(), 5.0)], CLIPS, ACTUAL, 0.0)
    assert found.chosen.members == (1,)


def test_the_loss_by_hand() -> None:
    """Logit 2 of three: p = e² / (e² + 2) in every window, and so of the clip."""
    (only,) = select_ensemble([member(set())], CLIPS, ACTUAL, 0.0).alone
    assert only.loss == pytest.approx(-np.log(np.e**2 / (np.e**2 + 2)), abs=1e-5)


def test_many_members_are_added_one_by_one() -> None:
    members = [member({i % 6, (i + 1) % 6}) for i in range(EXHAUSTIVE_UP_TO + 2)]
    found = select_ensemble(members, CLIPS, ACTUAL, 0.0)
    assert [len(e.members) for e in found.by_size] == list(range(1, EXHAUSTIVE_UP_TO + 3))
    for smaller, larger in zip(found.by_size, found.by_size[1:], strict=False):
        assert set(smaller.members) < set(larger.members)
    assert found.best.accuracy == 1.0


@given(st.lists(st.sets(st.integers(0, 5), max_size=4), min_size=1, max_size=4), st.sampled_from([0.0, 0.1, 0.5]))
def test_no_ensemble_is_better_than_the_best_and_none_smaller_is_near(wrong: list[set[int]], margin: float) -> None:
    found = select_ensemble([member(w) for w in wrong], CLIPS, ACTUAL, margin)
    assert found.best.accuracy >= max(e.accuracy for e in found.alone)
    assert found.chosen.accuracy >= found.best.accuracy - margin - 1e-9
    for other in found.by_size:
        if len(other.members) < len(found.chosen.members):
            assert other.accuracy < found.best.accuracy - margin
