"""How sure a figure is: the same test split drawn again and again, by clip or by whole subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2000
FEW = 2  # fewer groups than this say nothing of how they differ


def interval(
    figure: Callable[[NDArray[np.int64]], float], groups: Sequence[object], level: float = 0.95, rounds: int = ROUNDS
) -> tuple[float, float]:
    """The ends of a figure's interval (percentiles), repeatable.

    figure  of rows that were drawn: (M,) row numbers, some several times, others not at all.
    groups  whom each row belongs to: rows of one group are drawn together. Rows of a subject resemble each other, so
            that drawing subjects gives the wider, honest interval for people who were never seen.
    Returns (NaN, NaN) for fewer than two groups.
    """
    values = np.array([figure(rows) for rows in drawn(groups, rounds)])
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def drawn(groups: Sequence[object], rounds: int = ROUNDS, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Row numbers of `rounds` draws with replacement of as many groups as there are; none for fewer than two."""
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    if len(names) < FEW:
        return
    number = np.array([names[name] for name in groups])
    order = np.argsort(number, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(number))[:-1])
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        yield np.concatenate([rows[g] for g in rng.integers(0, len(rows), len(rows))])


def accuracy_interval(
    right: NDArray[np.bool_] | NDArray[np.float64], groups: Sequence[object], level: float = 0.95, rounds: int = ROUNDS
) -> tuple[float, float]:
    """`interval` of a share of right answers (or of the mean of any figures), without a call a draw."""
    names, number = np.unique(np.array([str(g) for g in groups]), return_inverse=True)
    if len(names) < FEW:
        return float("nan"), float("nan")
    sums = np.bincount(number, weights=right.astype(np.float64))
    counts = np.bincount(number)
    rng = np.random.default_rng(0)
    picks = (rng.integers(0, len(names), len(names)) for _ in range(rounds))  # one at a time: there may be many clips
    means = [sums[picked].sum() / counts[picked].sum() for picked in picks]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
