from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
    softmax,
)


def sampled(temperature: float, count: int = 20_000) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits that are right when divided by `temperature`: the actual classes are drawn from those probabilities."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 2, (count, 4))
    p = softmax(logits.astype(np.float32))
    actual = (rng.random((count, 1)) > np.cumsum(p, 1)).sum(1).clip(0, 3)
    return (logits * temperature).astype(np.float32), actual


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature: float) -> None:
    logits, actual = sampled(temperature)
    assert fit_temperature(logits, actual) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_repairs_calibration_and_changes_no_answer() -> None:
    logits, actual = sampled(3.0)
    raw, calm = softmax(logits), softmax(logits, fit_temperature(logits, actual))
    assert expected_calibration_error(reliability_bins(raw, actual)) > 0.15
    assert expected_calibration_error(reliability_bins(calm, actual)) < 0.015
    assert negative_log_likelihood(calm, actual) < negative_log_likelihood(raw, actual)
    assert (raw.argmax(1) == calm.argmax(1)).all()


def test_a_perfectly_calibrated_sample_has_no_error() -> None:
    probabilities = np.repeat([[0.75, 0.25], [0.95, 0.05]], [4, 20], axis=0)
    actual = np.array([0, 0, 0, 1] + [0] * 19 + [1])
    bins = reliability_bins(probabilities, actual)
    assert [(b.low, b.count, b.accuracy) for b in bins] == [(0.7, 4, 0.75), (0.9, 20, 0.95)]
    assert expected_calibration_error(bins) == pytest.approx(0, abs=1e-12)


def test_the_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1]] * 4)
    assert expected_calibration_error(reliability_bins(probabilities, np.array([0, 0, 1, 1]))) == pytest.approx(0.4)


def test_certainty_falls_into_the_last_bin() -> None:
    (only,) = reliability_bins(np.array([[1.0, 0.0]]), np.array([0]), bins=5)
    assert (only.low, only.high, only.accuracy) == (0.8, 1.0, 1.0)


def test_nothing_to_fit_leaves_the_logits_as_they_are() -> None:
    assert fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == 1.0
    assert np.isnan(expected_calibration_error([]))


def test_without_a_mistake_the_probability_is_what_as_many_right_predictions_show() -> None:
    found = fit_temperature(np.eye(3, dtype=np.float32), np.arange(3))
    assert softmax(np.eye(3, dtype=np.float32), found).max(-1) == pytest.approx(
        np.full(3, 4 / 5), abs=1e-3
    )  # of 3, none wrong
