"""Tally of comparisons: counts, the confusion of the two models, and samples of latency and confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.features.window_stats import round_for_json
from posemill.serving.shadow.process import Compared

SAMPLES = 500  # of a kind that are kept, each as likely as any other (reservoir sampling)


@dataclass(slots=True, eq=False)
class Reservoir:
    """At most SAMPLES of all numbers that came, each as likely as any other."""

    rng: np.random.Generator
    values: list[float] = field(default_factory=list)
    seen: int = 0

    def add(self, value: float) -> None:
        """Take one more number, perhaps in place of another."""
        self.seen += 1
        if len(self.values) < SAMPLES:
            self.values.append(value)
        elif (place := int(self.rng.integers(self.seen))) < SAMPLES:
            self.values[place] = value


class Tally:
    """Comparisons of one stretch of time.

    answers, windows  (champion's activity, challenger's) → how many; an answer's activity is that of its mean.
    dropped   answers that were not compared, since the challenger was busy or away.
    failed    of these, answers at which its process crashed, hung or could not be started.
    """

    SAMPLED = ("champion_ms", "challenger_ms", "champion_confidence", "challenger_confidence")

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.answers: Counter[tuple[str, str]] = Counter()
        self.windows: Counter[tuple[str, str]] = Counter()
        self.dropped = self.failed = 0
        self.samples = {name: Reservoir(rng) for name in self.SAMPLED}

    def __bool__(self) -> bool:
        """True if anything was counted."""
        return bool(self.answers or self.dropped or self.failed)

    def add(
        self,
        champion: NDArray[np.float32],
        compared: Compared,
        champion_classes: Sequence[str],
        challenger_classes: Sequence[str],
    ) -> None:
        """Count one answer: the champion's probabilities (N, C) of its windows, N > 0, and the challenger's."""
        sides = ((champion, champion_classes), (compared.probabilities, challenger_classes))
        best = [[classes[i] for i in probabilities.argmax(1)] for probabilities, classes in sides]
        self.windows.update(zip(*best, strict=True))
        a, b = (classes[int(probabilities.mean(0).argmax())] for probabilities, classes in sides)
        self.answers[a, b] += 1
        self.samples["champion_ms"].add(1000 * compared.champion_s)
        self.samples["challenger_ms"].add(1000 * compared.challenger_s)
        self.samples["champion_confidence"].add(float(champion.mean(0).max()))
        self.samples["challenger_confidence"].add(float(compared.probabilities.mean(0).max()))

    def as_row(self) -> dict[str, Any]:
        """Return the columns of store.shadow_comparisons: answers, windows, dropped, failed and comparison."""
        lists = {
            name: round_for_json(np.array(reservoir.values, np.float32)) for name, reservoir in self.samples.items()
        }
        return {
            "answers": self.answers.total(),
            "windows": self.windows.total(),
            "dropped": self.dropped,
            "failed": self.failed,
            "comparison": {"answers": _rows(self.answers), "windows": _rows(self.windows), **lists},
        }


def _rows(pairs: Counter[tuple[str, str]]) -> list[list[Any]]:
    return [[champion, challenger, count] for (champion, challenger), count in sorted(pairs.items())]
