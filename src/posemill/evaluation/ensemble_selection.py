"""Ensemble selection: the smallest ensemble of trained networks that is nearly as good as the best one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import grouped_probabilities

EXHAUSTIVE_UP_TO = 8  # members; of more, ensembles are grown greedily


@dataclass(frozen=True, slots=True)
class CandidateEnsemble:
    """Members (numbers, ascending), with the accuracy of clips and their mean loss (nats) as an ensemble."""

    members: tuple[int, ...]
    accuracy: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """Greater is better: accuracy, and the loss where that is equal."""
        return self.accuracy, -self.loss


@dataclass(frozen=True, slots=True)
class EnsembleSelection:
    """Outcome of a search.

    chosen   the smallest ensemble within the margin of the best.
    best     of all.
    alone    every member by itself.
    by_size  the best ensemble of every size.
    tried    number of ensembles that were scored.
    """

    chosen: CandidateEnsemble
    best: CandidateEnsemble
    alone: tuple[CandidateEnsemble, ...]
    by_size: tuple[CandidateEnsemble, ...]
    tried: int


def select_ensemble(
    logits: Sequence[NDArray[np.float32]], clip: NDArray[np.int64], actual: NDArray[np.int64], margin: float
) -> EnsembleSelection:
    """Search all ensembles exhaustively, or greedily where there are more than EXHAUSTIVE_UP_TO members.

    logits  of each member, (N, C) for the same windows, which belong to `clip` (N,), whose class is `actual` (N,).
    margin  of accuracy that a smaller ensemble may be worse than the best one.
    """
    scorer = _Scorer(logits, clip, actual)
    count = len(logits)
    alone = tuple(scorer.score((m,)) for m in range(count))
    larger = _exhaustive(scorer, count) if count <= EXHAUSTIVE_UP_TO else _greedy(scorer, alone)
    by_size = (max(alone, key=lambda e: e.rank), *larger)
    best = max(by_size, key=lambda e: e.rank)
    near = (e for e in by_size if e.accuracy >= best.accuracy - margin - 1e-9)
    return EnsembleSelection(min(near, key=lambda e: len(e.members)), best, alone, by_size, scorer.scored)


def _exhaustive(scorer: _Scorer, count: int) -> Iterable[CandidateEnsemble]:
    for size in range(2, count + 1):
        yield max((scorer.score(group) for group in combinations(range(count), size)), key=lambda e: e.rank)


def _greedy(scorer: _Scorer, alone: Sequence[CandidateEnsemble]) -> Iterable[CandidateEnsemble]:
    now = max(alone, key=lambda e: e.rank)
    while more := [m for m in range(len(alone)) if m not in now.members]:
        now = max((scorer.score(tuple(sorted((*now.members, m)))) for m in more), key=lambda e: e.rank)
        yield now


class _Scorer:
    """Scores ensembles as evaluation will: mean of log-probabilities, then the verdict of clips."""

    def __init__(
        self, logits: Sequence[NDArray[np.float32]], clip: NDArray[np.int64], actual: NDArray[np.int64]
    ) -> None:
        self.log_probabilities = [_log_softmax(rows) for rows in logits]
        self.clip, first = clip, np.unique(clip, return_index=True)[1]
        self.actual, self.scored = actual[first], 0

    def score(self, members: tuple[int, ...]) -> CandidateEnsemble:
        mean = np.mean([self.log_probabilities[m] for m in members], axis=0)
        probabilities = np.exp(_log_softmax(mean)).astype(np.float32)
        verdicts = grouped_probabilities(probabilities, self.clip)[1]
        right = verdicts[np.arange(len(verdicts)), self.actual]
        self.scored += 1
        accuracy = float((verdicts.argmax(1) == self.actual).mean())
        return CandidateEnsemble(members, accuracy, float(-np.log(right.clip(1e-6)).mean()))


def average_log_probabilities(logits: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Average the log-probabilities of an ensemble's members: (N, C) logits of each to those of the ensemble."""
    return np.asarray(np.mean([_log_softmax(rows) for rows in logits], axis=0), np.float32)


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))
