"""Calibration: expected calibration error (ECE) and temperature scaling.

A model is calibrated when predictions of probability 0.8 are right in 80 of 100 cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOG_LIMIT = float(np.log(20.0))  # a network that needs more than 20 times is wrong in another way


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions with a confidence in [low, high): their number, mean confidence and accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the (N, C) float64 probabilities of (N, C) logits / temperature.

    Examples:
        >>> softmax(np.array([[0.0, 0.0]], np.float32)).tolist()
        [[0.5, 0.5]]
    """
    scaled = logits.astype(np.float64) / temperature
    e = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def fit_temperature(logits: NDArray[np.float32], actual: NDArray[np.int64]) -> float:
    """Fit the temperature of least negative log-likelihood; on validation, never on test.

    As in Platt scaling the targets are not 1 but (N + 1) / (N + 2): N predictions without an error are no proof that
    there is never one, and without this the temperature of such a validation split would be 0 and every probability 1.

    logits (N, C), actual (N,) class numbers. 1.0 where there is nothing to fit, and within 1/20..20.
    """
    from scipy.optimize import minimize_scalar

    if not len(actual):
        return 1.0
    optimum = minimize_scalar(
        lambda log_t: _platt_loss(softmax(logits, float(np.exp(log_t))), actual),
        bounds=(-_LOG_LIMIT, _LOG_LIMIT),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(optimum.x))


def _platt_loss(probabilities: NDArray[np.floating], actual: NDArray[np.int64]) -> float:
    """The mean cross-entropy of p(actual) and (N + 1) / (N + 2), nats."""
    p = np.clip(probabilities[np.arange(len(actual)), actual], 1e-12, 1 - 1e-12)
    target = (len(actual) + 1) / (len(actual) + 2)
    return float(-(target * np.log(p) + (1 - target) * np.log1p(-p)).mean())


def negative_log_likelihood(probabilities: NDArray[np.floating], actual: NDArray[np.int64]) -> float:
    """Return the mean of -log p(actual), nats."""
    p = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.maximum(p, 1e-12)).mean())


def reliability_bins(
    probabilities: NDArray[np.floating], actual: NDArray[np.int64], bins: int = 10
) -> list[ReliabilityBin]:
    """Bin predictions by top-1 confidence in `bins` equal steps (reliability diagram); empty bins are left out."""
    confidence = probabilities.max(-1)
    correct = probabilities.argmax(-1) == actual
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            b / bins,
            (b + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(correct[inside].mean()),
        )
        for b in range(bins)
        if (inside := number == b).any()
    ]


def expected_calibration_error(bins: list[ReliabilityBin]) -> float:
    """Return the ECE: mean distance of confidence and accuracy, weighted by count. NaN for no bin."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / total if total else float("nan")
