"""Whether a probability of 0.8 is right in 80 of 100 cases, and the temperature that makes it so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOG_LIMIT = float(np.log(20.0))  # a network that needs more than 20 times is wrong in another way


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions with a confidence in [low, high): their number, mean confidence and accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """(N, C) logits → (N, C) float64 probabilities of logits / temperature."""
    scaled = logits.astype(np.float64) / temperature
    e = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def fit_temperature(logits: NDArray[np.float32], actual: NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood of `actual`; fit it on validation, never on test.

    1.0 where there is nothing to fit, and within 1/20..20: with no wrong prediction the best one would be 0.
    """
    from scipy.optimize import minimize_scalar

    if not len(actual):
        return 1.0
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(softmax(logits, float(np.exp(log_t))), actual),
        bounds=(-_LOG_LIMIT, _LOG_LIMIT),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def negative_log_likelihood(probabilities: NDArray[np.floating], actual: NDArray[np.int64]) -> float:
    """Mean of -log p(actual), nats."""
    p = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.maximum(p, 1e-12)).mean())


def reliability(probabilities: NDArray[np.floating], actual: NDArray[np.int64], bins: int = 10) -> list[Bin]:
    """The highest probability of every row against whether it was right, in `bins` equal steps; empty ones left out."""
    confidence = probabilities.max(-1)
    right = probabilities.argmax(-1) == actual
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    out = []
    for b in range(bins):
        inside = place == b
        if inside.any():
            out.append(
                Bin(
                    b / bins,
                    (b + 1) / bins,
                    int(inside.sum()),
                    float(confidence[inside].mean()),
                    float(right[inside].mean()),
                )
            )
    return out


def expected_error(bins: list[Bin]) -> float:
    """Expected calibration error (ECE): mean distance of confidence and accuracy, weighted by count. NaN for none."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / total if total else float("nan")
