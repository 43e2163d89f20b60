from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.evaluation import classification_metrics

ACTUAL = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
SAID = np.array([0, 0, 0, 1, 1, 1, 0, 2, 2, 1])


def test_confusion_by_hand() -> None:
    assert classification_metrics.confusion_matrix(ACTUAL, SAID, 3).tolist() == [[3, 1, 0], [1, 2, 0], [0, 1, 2]]


def test_figures_by_hand() -> None:
    counts = classification_metrics.confusion_matrix(ACTUAL, SAID, 3)
    assert classification_metrics.accuracy(counts) == 0.7
    a, b, c = classification_metrics.class_scores(counts, ["a", "b", "c"])
    assert (a.count, a.precision, a.recall, a.f1) == (4, 0.75, 0.75, 0.75)
    assert (b.precision, b.recall) == (0.5, pytest.approx(2 / 3))
    assert (c.precision, c.recall) == (1.0, pytest.approx(2 / 3))
    assert classification_metrics.macro_f1(counts) == pytest.approx((0.75 + 4 / 7 + 0.8) / 3)


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix, f1_score

    rng = np.random.default_rng(3)
    actual, said = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    counts = classification_metrics.confusion_matrix(actual, said, 5)
    assert (counts == confusion_matrix(actual, said)).all()
    assert classification_metrics.macro_f1(counts) == pytest.approx(f1_score(actual, said, average="macro"))


def test_a_class_that_never_occurs_is_not_averaged_in_and_a_missed_one_counts_zero() -> None:
    counts = np.array([[2, 0, 0], [3, 0, 0], [0, 0, 0]])
    assert classification_metrics.macro_f1(counts) == pytest.approx((4 / 7 + 0) / 2)
    missed = classification_metrics.class_scores(counts, ["a", "b", "c"])
    assert missed[1].recall == 0
    assert missed[1].f1 == 0
    assert np.isnan(missed[2].f1)


def test_nothing_judged_is_not_a_number() -> None:
    assert np.isnan(classification_metrics.accuracy(np.zeros((2, 2), np.int64)))
    assert np.isnan(classification_metrics.macro_f1(np.zeros((2, 2), np.int64)))


def test_wilson_from_the_textbook() -> None:
    low, high = classification_metrics.wilson_interval(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert classification_metrics.wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_within_bounds_and_around_the_share(pair: tuple[int, int]) -> None:
    hits, count = pair
    low, high = classification_metrics.wilson_interval(hits, count)
    assert 0 <= low <= hits / count + 1e-12
    assert hits / count - 1e-12 <= high <= 1
    assert high > low


def test_slices_are_weakest_first_and_leave_the_unnamed_out() -> None:
    found = classification_metrics.slices(
        ["x", "y", None, "x", float("nan")], np.array([True, False, True, True, False])
    )
    assert [(s.name, s.count, s.accuracy) for s in found] == [("y", 1, 0.0), ("x", 2, 1.0)]
