"""Which of several trained networks to fuse: the smallest ensemble that is nearly as good as the best one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import grouped_probabilities

ALL_TRIED = 8  # up to so many members every ensemble is tried, of more they are added one by one


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Members (numbers, ascending), and what they are worth together: accuracy of clips and their mean loss, nats."""

    members: tuple[int, ...]
    accuracy: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """Greater is better: accuracy, and the loss where that is equal."""
        return self.accuracy, -self.loss


@dataclass(frozen=True, slots=True)
class Choice:
    """What was tried: every member `alone`, and the best ensemble `by_size`.

    best    of all; chosen: the smallest one within the margin of it.
    tried   how many ensembles were judged.
    """

    chosen: Ensemble
    best: Ensemble
    alone: tuple[Ensemble, ...]
    by_size: tuple[Ensemble, ...]
    tried: int


def choose(
    logits: Sequence[NDArray[np.float32]], clip: NDArray[np.int64], actual: NDArray[np.int64], margin: float
) -> Choice:
    """Search all ensembles (of more than ALL_TRIED members: those that grow by the member that helps most).

    logits  of each member, (N, C) for the same windows, which belong to `clip` (N,), whose class is `actual` (N,).
    margin  of accuracy that a smaller ensemble may be worse than the best one.
    """
    bench = _Bench(logits, clip, actual)
    count = len(logits)
    alone = tuple(bench.judge((m,)) for m in range(count))
    groups = _every(bench, count) if count <= ALL_TRIED else _growing(bench, alone)
    by_size = (max(alone, key=lambda e: e.rank), *groups)
    best = max(by_size, key=lambda e: e.rank)
    near = (e for e in by_size if e.accuracy >= best.accuracy - margin - 1e-9)
    return Choice(min(near, key=lambda e: len(e.members)), best, alone, by_size, bench.judged)


def _every(bench: _Bench, count: int) -> Iterable[Ensemble]:
    for size in range(2, count + 1):
        yield max((bench.judge(group) for group in combinations(range(count), size)), key=lambda e: e.rank)


def _growing(bench: _Bench, alone: Sequence[Ensemble]) -> Iterable[Ensemble]:
    now = max(alone, key=lambda e: e.rank)
    while more := [m for m in range(len(alone)) if m not in now.members]:
        now = max((bench.judge(tuple(sorted((*now.members, m)))) for m in more), key=lambda e: e.rank)
        yield now


class _Bench:
    """Judges ensembles as the fused network will be judged: mean of log-probabilities, then the verdict of clips."""

    def __init__(
        self, logits: Sequence[NDArray[np.float32]], clip: NDArray[np.int64], actual: NDArray[np.int64]
    ) -> None:
        self.said = [_log_softmax(rows) for rows in logits]
        self.clip, first = clip, np.unique(clip, return_index=True)[1]
        self.actual, self.judged = actual[first], 0

    def judge(self, members: tuple[int, ...]) -> Ensemble:
        mean = np.mean([self.said[m] for m in members], axis=0)
        probabilities = np.exp(_log_softmax(mean)).astype(np.float32)
        verdicts = grouped_probabilities(probabilities, self.clip)[1]
        right = verdicts[np.arange(len(verdicts)), self.actual]
        self.judged += 1
        accuracy = float((verdicts.argmax(1) == self.actual).mean())
        return Ensemble(members, accuracy, float(-np.log(right.clip(1e-6)).mean()))


def together(logits: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """(N, C) logits of an ensemble, from those of its members: the mean of their log-probabilities."""
    return np.mean([_log_softmax(rows) for rows in logits], axis=0).astype(np.float32)


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))
