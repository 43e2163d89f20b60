"""Two models on the same clips: is one better, beyond what chance does?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.bootstrap import accuracy_interval

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Paired:
    """The challenger against the champion on `clips` clips.

    gained, lost  clips that only the challenger, or only the champion, has right.
    low, high     ends of the 95 % interval of the difference in accuracy: clips drawn again and again, in pairs.
    chance        how often chance alone would give a difference like this (exact two-sided McNemar test).
    """

    clips: int
    challenger: float
    champion: float
    gained: int
    lost: int
    low: float
    high: float
    chance: float

    @property
    def difference(self) -> float:
        """In accuracy; above 0 the challenger is better."""
        return self.challenger - self.champion

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond the interval, and beyond chance: of few clips one says too much."""
        return bool(self.low > 0 and self.chance < 1 - LEVEL)


def paired(challenger: NDArray[np.bool_], champion: NDArray[np.bool_]) -> Paired:
    """Compare what was right (N,) of the same N clips."""
    from scipy.stats import binomtest

    gained, lost = int((challenger & ~champion).sum()), int((champion & ~challenger).sum())
    difference = challenger.astype(np.float64) - champion.astype(np.float64)
    low, high = accuracy_interval(difference, range(len(difference)), LEVEL)
    chance = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    means = [float(right.mean()) if len(right) else float("nan") for right in (challenger, champion)]
    return Paired(len(difference), means[0], means[1], gained, lost, low, high, chance)
