"""Paired comparison of two models on the same clips: bootstrap interval of the difference and McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.bootstrap import accuracy_interval

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Challenger against champion on `clips` clips.

    gained, lost  clips that only the challenger, or only the champion, has right.
    low, high     ends of the 95 % bootstrap interval of the difference in accuracy, clips resampled in pairs.
    p_value       of the exact two-sided McNemar test.
    """

    clips: int
    challenger: float
    champion: float
    gained: int
    lost: int
    low: float
    high: float
    p_value: float

    @property
    def difference(self) -> float:
        """Difference in accuracy; above 0 the challenger is better."""
        return self.challenger - self.champion

    @property
    def better(self) -> bool:
        """True if the challenger is better beyond the interval and beyond chance: with few clips one says too much."""
        return bool(self.low > 0 and self.p_value < 1 - LEVEL)


def compare_paired(challenger: NDArray[np.bool_], champion: NDArray[np.bool_]) -> PairedComparison:
    """Compare two models by what each has right, (N,) of the same N clips."""
    from scipy.stats import binomtest

    gained, lost = int((challenger & ~champion).sum()), int((champion & ~challenger).sum())
    difference = challenger.astype(np.float64) - champion.astype(np.float64)
    low, high = accuracy_interval(difference, range(len(difference)), LEVEL)
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    accuracies = [float(correct.mean()) if len(correct) else float("nan") for correct in (challenger, champion)]
    return PairedComparison(len(difference), accuracies[0], accuracies[1], gained, lost, low, high, p_value)
