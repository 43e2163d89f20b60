"""Bootstrap confidence intervals, by clip or by whole subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
MIN_GROUPS = 2  # fewer say nothing of how groups differ


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[object],
    level: float = 0.95,
    count: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic, repeatable.

    statistic  of resampled rows: (M,) row numbers, some several times, others not at all.
    groups     group of each row: rows of one group are resampled together. Rows of a subject resemble each other, so
               that resampling subjects gives the wider, honest interval for people who were never seen.
    Returns (NaN, NaN) for fewer than two groups.

    Examples:
        >>> values = np.arange(10.0)
        >>> low, high = bootstrap_interval(lambda rows: float(values[rows].mean()), range(10))
        >>> low < 4.5 < high
        True
    """
    values = np.array([statistic(rows) for rows in resamples(groups, count)])
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resamples(groups: Sequence[object], count: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Yield the row numbers of `count` resamples of as many groups as there are; none for fewer than two groups."""
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    if len(names) < MIN_GROUPS:
        return
    number = np.array([names[name] for name in groups])
    order = np.argsort(number, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(number))[:-1])
    rng = np.random.default_rng(seed)
    if len(rows) == len(order):  # a row a group: the same as below, without a small array a row
        for _ in range(count):
            yield order[rng.integers(0, len(rows), len(rows))]
        return
    for _ in range(count):
        yield np.concatenate([rows[g] for g in rng.integers(0, len(rows), len(rows))])


def accuracy_interval(
    correct: NDArray[np.bool_] | NDArray[np.float64],
    groups: Sequence[object],
    level: float = 0.95,
    count: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the `bootstrap_interval` of a mean, such as the share of correct predictions, without a call a resample.

    Examples:
        >>> low, high = accuracy_interval(np.array([True, True, True, False]), ["a", "b", "c", "d"])
        >>> low, high
        (0.25, 1.0)
    """
    names, number = np.unique(np.array([str(g) for g in groups]), return_inverse=True)
    if len(names) < MIN_GROUPS:
        return float("nan"), float("nan")
    sums = np.bincount(number, weights=correct.astype(np.float64))
    counts = np.bincount(number)
    rng = np.random.default_rng(0)
    picks = (rng.integers(0, len(names), len(names)) for _ in range(count))  # one at a time: there may be many clips
    means = [sums[picked].sum() / counts[picked].sum() for picked in picks]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
