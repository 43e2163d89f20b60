"""Classification metrics: confusion matrix, accuracy, F1, Wilson intervals. Classes are numbers 0..C-1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class. precision, recall and f1 are NaN where nothing was predicted as it, or none is of it."""

    activity: str
    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class SliceScore:
    """Accuracy of one part of the test split, with its 95 % interval."""

    name: str
    count: int
    accuracy: float
    low: float
    high: float


def confusion_matrix(actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count (C, C) int64: row is the actual class, column the predicted one.

    Examples:
        >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (actual, predicted), 1)
    return counts


def accuracy(counts: NDArray[np.int64]) -> float:
    """Return the share of the diagonal; NaN for an empty matrix."""
    total = int(counts.sum())
    return float(np.trace(counts)) / total if total else float("nan")


def class_scores(counts: NDArray[np.int64], classes: Sequence[str]) -> list[ClassScore]:
    """Compute precision, recall and F1 of every class. F1 of a class that occurs and is never found is 0."""
    hit, of_class, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore"):
        precision, recall, f1 = hit / predicted, hit / of_class, 2 * hit / (of_class + predicted)
    return [
        ClassScore(name, int(of_class[c]), float(precision[c]), float(recall[c]), float(f1[c]))
        for c, name in enumerate(classes)
    ]


def macro_f1(counts: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes that occur or were predicted; NaN for an empty matrix."""
    of_either = counts.sum(0) + counts.sum(1)
    some = of_either > 0
    return float((2 * np.diag(counts)[some] / of_either[some]).mean()) if some.any() else float("nan")


def wilson_interval(hits: int, count: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of a share; within 0..1 also for few or perfect results. (0, 1) for none.

    Examples:
        >>> [round(end, 3) for end in wilson_interval(9, 10)]
        [0.596, 0.982]
    """
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, z * z
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = z / (1 + z2 / count) * np.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def slices(names: Sequence[object], correct: NDArray[np.bool_]) -> list[SliceScore]:
    """Compute the accuracy by name, worst first; rows whose name is not a string are left out."""
    by_name: dict[str, list[bool]] = {}
    for name, hit in zip(names, correct.tolist(), strict=True):
        if isinstance(name, str):
            by_name.setdefault(name, []).append(hit)
    scores = [
        SliceScore(name, len(hits), sum(hits) / len(hits), *wilson_interval(sum(hits), len(hits)))
        for name, hits in by_name.items()
    ]
    return sorted(scores, key=lambda s: (s.accuracy, s.name))
