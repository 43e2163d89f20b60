"""Aggregation of window probabilities: to one verdict a clip, or to probabilities along time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posemill.errors import InputError

NONE_OF_THESE = "none of these"  # what a model with an open-set score says of an activity that it was not taught


def clip_probabilities(window_probs: NDArray[np.float32], weights: ArrayLike | None = None) -> NDArray[np.float32]:
    """Aggregate a clip's windows: the normalised geometric mean of their probabilities.

    window_probs  (N, C) float32, every row sums to 1; N > 0.
    weights       (N,) >= 0, such as window durations; None = all alike.
    Returns       (C,) float32, sums to 1.

    Examples:
        >>> clip_probabilities(np.array([[0.5, 0.5], [0.5, 0.5]], np.float32)).tolist()
        [0.5, 0.5]
    """
    if window_probs.ndim != 2 or not len(window_probs):
        raise InputError(f"a verdict needs window probabilities (N, C) with N > 0, came {window_probs.shape}")
    w = np.ones(len(window_probs)) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (len(window_probs),) or (w < 0).any() or not w.sum() > 0:
        raise InputError(f"a verdict needs {len(window_probs)} weights from 0 up, not all 0; came {w}")
    logs = (np.log(np.maximum(window_probs.astype(np.float64), 1e-6)) * (w / w.sum())[:, None]).sum(0)
    e = np.exp(logs - logs.max())
    return np.asarray(e / e.sum(), np.float32)


def abstains(activity: str, probability: float, threshold: float | None) -> bool:
    """True if a verdict names no activity: it is "none of these", or its probability is below the rejection threshold.

    Examples:
        >>> abstains("wave", 0.7, 0.6), abstains("wave", 0.5, 0.6), abstains("none of these", 0.9, None)
        (False, True, True)
    """
    return activity == NONE_OF_THESE or probability < (threshold or 0.0)


def taught(classes: Iterable[str]) -> list[str]:
    """Return the classes of a package that are activities: all but "none of these"."""
    return [name for name in classes if name != NONE_OF_THESE]


def none_column(classes: Sequence[str]) -> int | None:
    """Return the position of "none of these" among the classes of a package; None where the model has no such score."""
    return list(classes).index(NONE_OF_THESE) if NONE_OF_THESE in classes else None


def grouped_probabilities(
    window_probs: NDArray[np.float32], group: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Aggregate many clips at once: (M,) the group numbers in ascending order, (M, C) their probabilities."""
    names, at = np.unique(group, return_inverse=True)
    logs = np.zeros((len(names), window_probs.shape[1]))
    np.add.at(logs, at, np.log(np.maximum(window_probs.astype(np.float64), 1e-6)))
    logs /= np.bincount(at, minlength=len(names))[:, None]
    e = np.exp(logs - logs.max(1, keepdims=True))
    return names, np.asarray(e / e.sum(1, keepdims=True), np.float32)


def timeline(
    window_probs: NDArray[np.float32], spans: NDArray[np.float64], at_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Compute probabilities at moments: the verdict of the windows that cover each.

    window_probs (N, C), spans (N, 2) seconds (FeaturePipeline.windows), at_s (M,) seconds.
    Returns (M, C) float32; NaN at moments that no window covers.
    """
    covers = (at_s[:, None] >= spans[:, 0]) & (at_s[:, None] < spans[:, 1])
    out = np.full((len(at_s), window_probs.shape[1]), np.nan, np.float32)
    for m in np.flatnonzero(covers.any(1)):
        out[m] = clip_probabilities(window_probs[covers[m]])
    return out


class ActivityRun(NamedTuple):
    """An interval with one most probable activity.

    best         its position among the classes.
    probability  mean over the interval.
    """

    start_s: float
    end_s: float
    best: int
    probability: float


def segments(spans: NDArray[np.float64], probabilities: NDArray[np.float32]) -> list[ActivityRun]:
    """Segment a track by its most probable activity: windows overlap, so every moment gets the verdict of its windows.

    spans (N, 2) seconds, probabilities (N, C). Moments that no window covers are left out.
    """
    edges = np.unique(spans)
    if len(edges) < 2:
        return []
    starts, ends = edges[:-1], edges[1:]
    rows = timeline(probabilities, spans, (starts + ends) / 2)
    known = ~np.isnan(rows).any(1)
    best = np.where(known, np.nan_to_num(rows).argmax(1), -1)
    cuts = np.flatnonzero(np.diff(best, prepend=-2))
    runs = [(i, j) for i, j in zip(cuts, [*cuts[1:], len(best)], strict=True) if best[i] >= 0]
    return [
        ActivityRun(
            float(starts[i]),
            float(ends[j - 1]),
            int(best[i]),
            float(np.average(rows[i:j, best[i]], weights=ends[i:j] - starts[i:j])),
        )
        for i, j in runs
    ]
