"""Abstention: how right a model is when it may keep silent where it is not sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """What a threshold on the highest probability gives, from the most careful one to answering everything.

    threshold (N,) descending; coverage (N,) share of clips that are answered; risk (N,) share of those that are wrong.
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC): 0 is best; NaN without clips."""
        return float(self.risk.mean()) if len(self.risk) else float("nan")


def curve(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> RiskCoverage:
    """The risk-coverage curve. Clips with the same confidence are answered, or not, together."""
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order].astype(np.float64)
    answered = np.arange(1, len(sure) + 1)
    risk = np.cumsum(~right[order]) / answered
    last = np.searchsorted(-sure, -sure, side="right") - 1  # the last clip of those that are as sure
    return RiskCoverage(sure, answered[last] / max(len(sure), 1), risk[last])


def threshold_for(found: RiskCoverage, accuracy: float) -> float:
    """The lowest threshold at which answers are at least that accurate; above 1 (always silent) where none is.

    Choose it on validation, never on test. 0 where nothing is known.
    """
    if not len(found.risk):
        return 0.0
    good = np.flatnonzero(1 - found.risk >= accuracy - 1e-12)
    if not len(good):
        return 1.01
    return 0.0 if good[-1] == len(found.risk) - 1 else float(found.threshold[good[-1]])


def with_threshold(confidence: NDArray[np.floating], right: NDArray[np.bool_], threshold: float) -> tuple[float, float]:
    """Coverage, and accuracy of what is answered (NaN where nothing is)."""
    answered = confidence >= threshold
    accuracy = float(right[answered].mean()) if answered.any() else float("nan")
    return float(answered.mean()) if len(answered) else float("nan"), accuracy
