"""Champion against challenger on live requests: agreement, confusion, latency, and drift from one to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.monitoring.drift import ks, mix_psi, psi
from posemill.params.shadow import ShadowParams

SIDES = ("champion", "challenger")
MOST = 20_000  # names that PSI is computed of; larger counts are scaled down


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All comparisons of one champion with one challenger.

    answers, windows  (champion's activity, challenger's) → how many.
    latency_ms        side → (N,) float64, a sample: the model's run on the same windows, one after the other.
    confidence        side → (N,) float64, a sample: probability of an answer's activity.
    dropped           answers that were not compared; failures  crashes and time-outs among these.
    """

    champion: str
    challenger: str
    answers: Mapping[tuple[str, str], int]
    windows: Mapping[tuple[str, str], int]
    latency_ms: Mapping[str, NDArray[np.float64]]
    confidence: Mapping[str, NDArray[np.float64]]
    dropped: int
    failures: int
    first: datetime
    last: datetime

    @property
    def compared(self) -> int:
        """Number of answers that were compared."""
        return sum(self.answers.values())

    @property
    def compared_windows(self) -> int:
        """Number of windows that were compared."""
        return sum(self.windows.values())

    @property
    def agreement(self) -> float:
        """Share of windows with the same activity; NaN without any."""
        same = sum(count for (a, b), count in self.windows.items() if a == b)
        return same / self.compared_windows if self.windows else float("nan")

    @property
    def failed_share(self) -> float:
        """Failures of the challenger, as a share of all answers."""
        return self.failures / max(1, self.compared + self.dropped)

    def mix(self, side: int) -> Counter[str]:
        """Return activity → windows, of the champion (0) or the challenger (1)."""
        mix: Counter[str] = Counter()
        for pair, count in self.windows.items():
            mix[pair[side]] += count
        return mix

    def agreement_by_activity(self) -> dict[str, tuple[int, float]]:
        """Return champion's activity → its windows, and the share that the challenger calls the same."""
        return {
            activity: (count, self.windows.get((activity, activity), 0) / count)
            for activity, count in sorted(self.mix(0).items())
        }


@dataclass(frozen=True, slots=True)
class ComparisonLimit:
    """One figure of a comparison with its limit. `value` None: not measured; `limit` None: not set."""

    figure: str
    value: float | None
    limit: float | None
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """True if the limit is kept, not set, or nothing was measured."""
        if self.value is None or self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def says(self) -> str:
        """The figure and its limit in one clause."""
        if self.value is None:
            return f"{self.figure} not measured"
        side = "below" if self.at_least else "above"
        return f"{self.figure} {self.value:.3g}" + ("" if self.passed else f" {side} {self.limit:g}")


def comparison(rows: Sequence[Mapping[str, Any]]) -> Comparison:
    """Join rows of store.shadow_comparisons, at least one, all of the same two models."""
    answers: Counter[tuple[str, str]] = Counter()
    windows: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for counts, name in ((answers, "answers"), (windows, "windows")):
            for champion, challenger, count in row["comparison"].get(name, ()):
                counts[champion, challenger] += count
    return Comparison(
        champion=rows[0]["champion"],
        challenger=rows[0]["challenger"],
        answers=answers,
        windows=windows,
        latency_ms={side: _joined(rows, f"{side}_ms") for side in SIDES},
        confidence={side: _joined(rows, f"{side}_confidence") for side in SIDES},
        dropped=sum(row["dropped"] for row in rows),
        failures=sum(row["failed"] for row in rows),
        first=min(row["since"] for row in rows),
        last=max(row["until"] for row in rows),
    )


def limits(compared: Comparison, params: ShadowParams) -> list[ComparisonLimit]:
    """Measure every figure that has a limit. PSI needs ten windows, or answers, on both sides."""
    champion, challenger = (compared.latency_ms[side] for side in SIDES)
    ratio = float(np.median(challenger) / np.median(champion)) if len(champion) and len(challenger) else None
    agreement = None if np.isnan(compared.agreement) else compared.agreement
    confidence = psi(*(compared.confidence[side] for side in SIDES))
    mix = mix_psi(*(_names(compared.mix(side)) for side in (0, 1)))
    return [
        ComparisonLimit("agreement of windows", agreement, params.min_agreement, at_least=True),
        ComparisonLimit("ratio of median latency", ratio, params.max_latency_ratio),
        ComparisonLimit("PSI of the mix of activities", mix, params.max_activity_psi),
        ComparisonLimit("PSI of the probability of answers", confidence, params.max_confidence_psi),
        ComparisonLimit("share of failures", compared.failed_share, params.max_failed_share),
    ]


def confidence_ks(compared: Comparison) -> float | None:
    """Kolmogorov-Smirnov statistic of the probability of answers; None without any."""
    return ks(*(compared.confidence[side] for side in SIDES))


def _joined(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """Join samples of rows that stand for different numbers of answers: each gives as many as its share is."""
    lists = [(row["comparison"].get(name, ()), row["answers"]) for row in rows]
    thinnest = max((answers / len(values) for values, answers in lists if values), default=1.0)
    parts = []
    for values, answers in lists:
        wanted = min(len(values), max(1, round(answers / thinnest)))
        places = np.linspace(0, len(values) - 1, wanted).round().astype(int)
        parts.append(np.array(values, np.float64)[places])
    return np.concatenate(parts) if parts else np.zeros(0)


def _names(counts: Mapping[str, int]) -> list[str]:
    scale = min(1.0, MOST / max(1, sum(counts.values())))
    return [name for name, count in sorted(counts.items()) for _ in range(round(count * scale))]
