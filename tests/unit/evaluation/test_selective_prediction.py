from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.evaluation.selective_prediction import (
    coverage_and_selective_accuracy,
    fit_rejection_threshold,
    risk_coverage,
)

SURE = np.array([0.5, 0.9, 0.8, 0.8], np.float32)
RIGHT = np.array([False, True, True, False])


def test_the_curve_by_hand() -> None:
    """Two clips are equally sure: they are answered together, whichever comes first."""
    found = risk_coverage(SURE, RIGHT)
    assert found.coverage.tolist() == [0.25, 0.75, 0.75, 1.0]
    assert found.risk.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 2])
    assert found.area == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 2) / 4)
    again = risk_coverage(SURE[::-1], RIGHT[::-1])
    assert again.risk.tolist() == found.risk.tolist()


@pytest.mark.parametrize(
    ("wanted", "threshold", "coverage"), [(0.5, 0.0, 1.0), (0.6, 0.8, 0.75), (2 / 3, 0.8, 0.75), (0.95, 0.9, 0.25)]
)
def test_the_threshold_answers_as_much_as_it_may(wanted: float, threshold: float, coverage: float) -> None:
    found = fit_rejection_threshold(risk_coverage(SURE, RIGHT), wanted)
    assert found == pytest.approx(threshold)
    assert coverage_and_selective_accuracy(SURE, RIGHT, found)[0] == coverage


def test_a_model_whose_surest_answers_are_wrong_should_say_nothing() -> None:
    found = fit_rejection_threshold(risk_coverage(SURE, ~RIGHT), 0.95)
    assert found > 1
    coverage, accuracy = coverage_and_selective_accuracy(SURE, ~RIGHT, found)
    assert coverage == 0
    assert np.isnan(accuracy)


def test_nothing_known_is_no_threshold() -> None:
    empty = risk_coverage(np.zeros(0), np.zeros(0, bool))
    assert fit_rejection_threshold(empty, 0.9) == 0.0
    assert np.isnan(empty.area)
    assert all(np.isnan(f) for f in coverage_and_selective_accuracy(np.zeros(0), np.zeros(0, bool), 0.5))


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.4001, 0.7, 0.99]), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
)
def test_what_is_answered_is_as_right_as_asked_for(clips: list[tuple[float, bool]], wanted: float) -> None:
    sure, right = np.array([c[0] for c in clips], np.float32), np.array([c[1] for c in clips])
    found = fit_rejection_threshold(risk_coverage(sure, right), wanted)
    coverage, accuracy = coverage_and_selective_accuracy(sure, right, found)
    assert coverage == 0 or accuracy >= wanted - 1e-9
    for other in set(sure.tolist()):  # and no lower threshold would do
        if other < found:
            assert coverage_and_selective_accuracy(sure, right, other)[1] < wanted
