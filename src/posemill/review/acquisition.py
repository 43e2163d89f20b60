"""Active learning: acquisition functions, which choose the clips of a pool whose labels teach a network most.

All of them see a pool as a network sees it: penultimate features and probabilities of every clip. Numpy only, so that a
pool of some ten thousand clips takes seconds; equal inputs and an equal random generator give equal choices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

NEIGHBOURS = 20  # clips over which typicality is measured
MOST_CLUSTERS, ROUNDS = 500, 10  # of k-means
SMALLEST = 1e-9

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Clips as a network sees them: N unlabelled ones to choose from, and M labelled ones.

    features       (N, D) float32 penultimate features of the unlabelled clips.
    probabilities  (N, C) float32, every row sums to 1.
    weight         (N,) >= 0: how much more a clip is wanted, such as 1 + disagreement of two models; 1 = no more.
    labelled       (M, D) float32 features of the labelled clips; M may be 0.
    """

    features: Floats
    probabilities: Floats
    weight: Doubles
    labelled: Floats

    def __post_init__(self) -> None:
        n = len(self.probabilities)
        if len(self.features) != n or self.weight.shape != (n,):
            raise InputError(
                f"a pool needs features, probabilities and weights of as many clips, came {self.features.shape}, "
                f"{self.probabilities.shape} and {self.weight.shape}"
            )
        if self.labelled.ndim != 2 or self.labelled.shape[1] != self.features.shape[1]:
            raise InputError(
                f"labelled features (M, {self.features.shape[1]}) were expected, not {self.labelled.shape}"
            )
        if not (np.isfinite(self.features).all() and np.isfinite(self.probabilities).all()):
            raise InputError("features and probabilities of a pool have to be finite")

    def __len__(self) -> int:
        return len(self.features)


def margin_uncertainty(probabilities: Floats) -> Doubles:
    """Return 1 minus the difference of the two highest probabilities, (N,) in 0..1; 1 = two activities are as likely.

    Examples:
        >>> margin_uncertainty(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], np.float32)).tolist()
        [1.0, 0.0]
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.sort(probabilities.astype(np.float64), axis=1)
    return np.asarray(1 - (top[:, -1] - top[:, -2]))


def entropy(probabilities: Floats) -> Doubles:
    """Return the entropy of every row over that of the uniform distribution, (N,) in 0..1."""
    p = probabilities.astype(np.float64)
    return np.asarray(-(p * np.log(np.maximum(p, SMALLEST))).sum(1) / np.log(max(p.shape[1], 2)))


def divergence(one: Floats, other: Floats) -> Doubles:
    """Return the Jensen-Shannon divergence of two models' probabilities (N, C), row by row, (N,) in 0..1.

    Examples:
        >>> p = np.array([[1.0, 0.0]], np.float32)
        >>> divergence(p, p).tolist(), divergence(p, p[:, ::-1]).round(3).tolist()
        ([0.0], [1.0])
    """
    p, q = one.astype(np.float64), other.astype(np.float64)
    mean = (p + q) / 2

    def relative(a: Doubles) -> Doubles:
        return np.asarray((a * np.log2(np.maximum(a, SMALLEST) / np.maximum(mean, SMALLEST))).sum(1))

    return np.asarray(np.clip((relative(p) + relative(q)) / 2, 0, 1))


def choose(strategy: str, pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """Return the positions (min(count, N),) of the chosen clips, the most wanted first.

    Errors: InputError for an unknown strategy, which lists those there are.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"there is no strategy {strategy!r}; there are {', '.join(STRATEGIES)}")
    count = min(count, len(pool))
    if count <= 0:
        return np.zeros(0, np.int64)
    return np.asarray(STRATEGIES[strategy](pool, count, rng), np.int64)


def by_chance(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """Random choice: what every other strategy is measured against."""
    return np.asarray(rng.permutation(len(pool))[:count])


def by_margin(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """The smallest difference of the two highest probabilities."""
    return _highest(margin_uncertainty(pool.probabilities) * pool.weight, count)


def by_entropy(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """The highest entropy."""
    return _highest(entropy(pool.probabilities) * pool.weight, count)


def by_core_set(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """k-center (core-set): again and again the clip that is furthest from all labelled and chosen ones.

    Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", 2018.
    """
    return _furthest(pool, pool.weight, count)


def by_uncertain_core_set(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """k-center with every distance times the clip's uncertainty (margin): unsure clips, far from labelled ones."""
    return _furthest(pool, pool.weight * margin_uncertainty(pool.probabilities), count)


def by_typicality(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """TypiClust: the most typical clip of every cluster without a labelled one, the largest clusters first.

    Hacohen et al., "Active learning on a budget", 2022.
    """
    x, known = _standard(pool.features, pool.labelled)
    both = np.concatenate([x, known])
    cluster = _k_means(both, min(len(known) + count, MOST_CLUSTERS, len(both)), rng)
    typical = _typicality(x) * pool.weight
    free = np.ones(len(x), bool)
    size = np.bincount(cluster)
    taken = np.bincount(cluster[len(x) :], minlength=len(size)).astype(np.float64)
    chosen: list[int] = []
    while len(chosen) < count:
        there = np.bincount(cluster[: len(x)][free], minlength=len(size)) > 0
        order = np.lexsort((-size, np.where(there, taken, np.inf)))
        rows = np.flatnonzero(free & (cluster[: len(x)] == order[0]))
        best = int(rows[typical[rows].argmax()])
        chosen.append(best)
        free[best] = False
        taken[order[0]] += 1
    return np.array(chosen)


def by_gradient(pool: Pool, count: int, rng: np.random.Generator) -> Numbers:
    """BADGE: k-means++ over the gradients that the last layer would get, were the most likely class right.

    A gradient is long where the network is unsure, and two are far apart where clips or errors differ: uncertainty and
    diversity in one. Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", 2020.
    """
    return _spread(_standard(pool.features)[0], _error(pool.probabilities) * pool.weight[:, None], count, rng)


STRATEGIES: Mapping[str, Callable[[Pool, int, np.random.Generator], Numbers]] = MappingProxyType(
    {
        "uncertain-core-set": by_uncertain_core_set,
        "badge": by_gradient,
        "margin": by_margin,
        "entropy": by_entropy,
        "core-set": by_core_set,
        "typiclust": by_typicality,
        "random": by_chance,
    }
)


def _highest(values: Doubles, count: int) -> Numbers:
    return np.argsort(-values, kind="stable")[:count]


def _furthest(pool: Pool, weight: Doubles, count: int) -> Numbers:
    """k-center in greedy order: the largest squared distance to what is labelled or chosen, times the weight."""
    x, known = _standard(pool.features, pool.labelled)
    nearest = _nearest(x, known)
    free = np.ones(len(x), bool)
    chosen: list[int] = []
    for _ in range(count):
        value = weight if np.isinf(nearest).any() else nearest * weight  # nothing is labelled: there is no distance yet
        best = int(np.where(free, value, -1.0).argmax())
        chosen.append(best)
        free[best] = False
        nearest = np.minimum(nearest, _squared(x, x[best : best + 1])[:, 0])
    return np.array(chosen)


def _error(probabilities: Floats) -> Doubles:
    """(N, C) gradient of the loss by the logits, were the most likely class right."""
    error = probabilities.astype(np.float64)
    error[np.arange(len(error)), error.argmax(1)] -= 1
    return error


def _spread(x: Doubles, error: Doubles, count: int, rng: np.random.Generator) -> Numbers:
    """k-means++ over the outer products of x (N, D) and error (N, C), which are never made.

    Of two outer products the inner product is that of the features times that of the errors.
    """
    square = np.square(x).sum(1) * np.square(error).sum(1)
    chosen = [int(square.argmax())]
    nearest = np.full(len(x), np.inf)
    while len(chosen) < count:
        last = chosen[-1]
        apart = square + square[last] - 2 * (x @ x[last]) * (error @ error[last])
        nearest = np.minimum(nearest, np.maximum(apart, 0))
        nearest[chosen] = 0
        total = nearest.sum()
        if not total > SMALLEST:  # what is left is like what was chosen
            left = np.setdiff1d(np.arange(len(x)), chosen)
            chosen += rng.permutation(left)[: count - len(chosen)].tolist()
            break
        chosen.append(int(rng.choice(len(x), p=nearest / total)))
    return np.array(chosen[:count])


def _standard(*parts: Floats) -> tuple[Doubles, ...]:
    """Features of every part, standardised over all, each of length 1."""
    both = np.concatenate(parts).astype(np.float64)
    spread = np.maximum(both.std(0), 0.01 * np.abs(both.mean(0)) + SMALLEST)
    unit = (both - both.mean(0)) / spread
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), SMALLEST)
    return tuple(np.split(unit, np.cumsum([len(part) for part in parts])[:-1]))


def _squared(x: Doubles, other: Doubles) -> Doubles:
    """(N, M) squared distances."""
    apart = np.square(x).sum(1)[:, None] + np.square(other).sum(1)[None] - 2 * x @ other.T
    return np.asarray(np.maximum(apart, 0), np.float64)


def _nearest(x: Doubles, known: Doubles) -> Doubles:
    """(N,) squared distance to the nearest of `known`; infinite where there is none."""
    nearest = np.full(len(x), np.inf)
    for part in np.array_split(known, max(len(known) // 512, 1)):
        if len(part):
            nearest = np.minimum(nearest, _squared(x, part).min(1))
    return nearest


def _typicality(x: Doubles) -> Doubles:
    """(N,) one over the mean distance to the NEIGHBOURS nearest clips."""
    k = min(NEIGHBOURS, len(x) - 1)
    if k < 1:
        return np.ones(len(x))
    out = np.empty(len(x))
    for rows in np.array_split(np.arange(len(x)), max(len(x) // 512, 1)):
        near = np.partition(_squared(x[rows], x), k, axis=1)[:, : k + 1]
        out[rows] = 1 / np.maximum(np.sqrt(near).sum(1) / k, SMALLEST)
    return out


def _k_means(x: Doubles, clusters: int, rng: np.random.Generator) -> Numbers:
    """(N,) cluster of every row."""
    centres = x[rng.permutation(len(x))[:clusters]]
    cluster = np.zeros(len(x), np.int64)
    for _ in range(ROUNDS):
        cluster = _squared(x, centres).argmin(1)
        total = np.zeros_like(centres)
        np.add.at(total, cluster, x)
        count = np.bincount(cluster, minlength=len(centres))
        centres = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres)
    return np.asarray(cluster)
