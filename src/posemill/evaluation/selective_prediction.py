"""Selective prediction: risk-coverage curve, and the rejection threshold below which a model abstains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REJECT_ALL = 1.01  # above every probability


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Risk-coverage curve over the rejection threshold on top-1 confidence, from the strictest one to none.

    threshold  (N,) descending.
    coverage   (N,) share of clips that are answered.
    risk       (N,) share of the answered ones that are wrong.
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC): 0 is best; NaN without clips."""
        return float(self.risk.mean()) if len(self.risk) else float("nan")


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> RiskCoverage:
    """Compute the risk-coverage curve. Clips of equal confidence are answered, or rejected, together.

    confidence (N,) top-1 probability, correct (N,).

    Examples:
        >>> curve = risk_coverage(np.array([0.9, 0.8, 0.6]), np.array([True, True, False]))
        >>> curve.risk.round(2).tolist()
        [0.0, 0.0, 0.33]
    """
    order = np.argsort(-confidence, kind="stable")
    threshold = confidence[order].astype(np.float64)
    answered = np.arange(1, len(threshold) + 1)
    risk = np.cumsum(~correct[order]) / answered
    last = np.searchsorted(-threshold, -threshold, side="right") - 1  # the last clip of equal confidence
    return RiskCoverage(threshold, answered[last] / max(len(threshold), 1), risk[last])


def fit_rejection_threshold(curve: RiskCoverage, target_accuracy: float) -> float:
    """Return the lowest threshold with at least that selective accuracy; above 1 (reject all) where none has it.

    Fit it on validation, never on test. 0 where nothing is known.
    """
    if not len(curve.risk):
        return 0.0
    good = np.flatnonzero(1 - curve.risk >= target_accuracy - 1e-12)
    if not len(good):
        return REJECT_ALL
    return 0.0 if good[-1] == len(curve.risk) - 1 else float(curve.threshold[good[-1]])


def coverage_and_selective_accuracy(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], threshold: float
) -> tuple[float, float]:
    """Return coverage, and selective accuracy: that of answered clips (NaN where nothing is answered)."""
    answered = confidence >= threshold
    accuracy = float(correct[answered].mean()) if answered.any() else float("nan")
    return float(answered.mean()) if len(answered) else float("nan"), accuracy
