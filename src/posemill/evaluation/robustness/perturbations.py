"""Robustness to jitter, dropout and left/right swaps: accuracy on perturbed keypoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.predict_fn import PredictFn
from posemill.features.pipeline import EXTENT_QUANTILE
from posemill.features.verdict import grouped_probabilities
from posemill.pose.geometry import box_size
from posemill.pose.skeleton import Skeleton

STEPS = (0.5, 1.0, 2.0)  # of the budget: half of it, all of it, and what comes after
BATCH = 1024
Condition = tuple[str, float]  # kind and strength
PLAIN: Condition = ("", 0.0)


@dataclass(frozen=True, slots=True)
class PerturbationAccuracy:
    """Accuracy of clips under one kind of perturbation.

    strength  in that kind's unit, see PERTURBATIONS.
    lost, won  clips that are right without perturbation and wrong with it, and the other way round.
    clips     of how many clips.
    """

    kind: str
    strength: float
    accuracy: float
    lost: int = 0
    won: int = 0
    clips: int = 0


def jitter(windows: NDArray[np.float32], strength: float, skeleton: Skeleton, rng: np.random.Generator) -> None:
    """Move every sighting by a Gaussian of `strength` times the person's size: the longer side of their box."""
    axes = [0, 1, *range(3, windows.shape[-1])]  # the confidence stays
    positions = windows[..., axes]
    size = np.quantile(box_size(positions).max(-1), EXTENT_QUANTILE, axis=1)
    shift = rng.standard_normal(positions.shape, np.float32)
    windows[..., axes] = positions + shift * (strength * size.astype(np.float32))[:, None, None, None]


def dropout(windows: NDArray[np.float32], strength: float, skeleton: Skeleton, rng: np.random.Generator) -> None:
    """Drop that share of all sightings, each by itself."""
    windows[rng.random(windows.shape[:3]) < strength] = (np.nan, np.nan, 0, np.nan)[: windows.shape[-1]]


def swaps(windows: NDArray[np.float32], strength: float, skeleton: Skeleton, rng: np.random.Generator) -> None:
    """Swap left and right in that share of all poses, each by itself."""
    swapped = rng.random(windows.shape[:2]) < strength
    windows[swapped] = windows[swapped][:, skeleton.flip_index]


Perturbation = Callable[[NDArray[np.float32], float, Skeleton, np.random.Generator], None]  # changes windows in place
PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType({"jitter": jitter, "dropout": dropout, "swaps": swaps})


def perturbation_accuracy(
    predict: PredictFn,
    windows: NDArray[np.float32],
    rows: NDArray[np.int64],
    clip: NDArray[np.int64],
    actual: Mapping[int, int],
    skeleton: Skeleton,
    budget: Mapping[str, float],
    batch: int = BATCH,
    probabilities: Mapping[Condition, NDArray[np.float32]] = MappingProxyType({}),
) -> list[PerturbationAccuracy]:
    """Measure the accuracy of clips without perturbation (strength 0), then at every step of every kind's budget.

    windows  (N, T, K, C) pixels, may be a memmap; `rows` of it are used, `clip` (len(rows),) says whose they are.
    actual   class number by clip.
    probabilities  (len(rows), C) by condition, where others have asked; see `conditions`.
    """

    def correct(kind: str, strength: float) -> NDArray[np.bool_]:
        found = probabilities.get((kind, strength))
        if found is None:
            found = perturbed_probabilities(predict, windows, rows, kind, strength, skeleton, batch)
        return _right(found, clip, actual)

    plain = correct(*PLAIN)
    measured = []
    for kind, limit in budget.items():
        measured.append(PerturbationAccuracy(kind, 0.0, float(plain.mean()), clips=len(plain)))
        for strength in (step * limit for step in STEPS):
            right = plain
            if strength:
                right = correct(kind, strength)
            lost, won = int((plain & ~right).sum()), int((right & ~plain).sum())
            measured.append(PerturbationAccuracy(kind, strength, float(right.mean()), lost, won, len(right)))
    return measured


def conditions(budget: Mapping[str, float]) -> list[Condition]:
    """Return what is tried: no perturbation, then kind and strength at every step of the budget.

    Examples:
        >>> conditions({"jitter": 0.5, "swaps": 0.0})
        [('', 0.0), ('jitter', 0.25), ('jitter', 0.5), ('jitter', 1.0)]
    """
    return [PLAIN, *((kind, step * limit) for kind, limit in budget.items() for step in STEPS if step * limit)]


def drop_interval(perturbed: PerturbationAccuracy, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy that is lost, of the same clips with and without perturbation.

    Wald's interval of a paired difference, with half a clip added to both sides so that none is of no width.

    Examples:
        >>> low, high = drop_interval(PerturbationAccuracy("dropout", 0.2, 0.9, lost=10, won=0, clips=100))
        >>> low < 0.1 < high
        True
    """
    n, lost, won = perturbed.clips, perturbed.lost + 0.5, perturbed.won + 0.5
    if not n:
        return float("nan"), float("nan")
    spread = z * float(np.sqrt(lost + won - (lost - won) ** 2 / n)) / n
    return (lost - won) / n - spread, (lost - won) / n + spread


def accuracy_drop(perturbed: Sequence[PerturbationAccuracy], kind: str, strength: float) -> float:
    """Return the accuracy without perturbation minus that at `strength`."""
    accuracy = {round(p.strength, 9): p.accuracy for p in perturbed if p.kind == kind}
    return accuracy[0.0] - accuracy[round(strength, 9)]


def perturbed_probabilities(
    predict: PredictFn,
    windows: NDArray[np.float32],
    rows: NDArray[np.int64],
    kind: str,
    strength: float,
    skeleton: Skeleton,
    batch: int = BATCH,
) -> NDArray[np.float32]:
    """Return the probabilities (len(rows), C) under one condition, in batches of so many windows."""
    rng = np.random.default_rng(0)  # the same for every model, so that models can be compared
    batches = (rows[i : i + batch] for i in range(0, len(rows), batch))
    return np.concatenate([predict(_perturbed(windows[some], kind, strength, skeleton, rng)) for some in batches])


def _perturbed(
    windows: NDArray[np.float32], kind: str, strength: float, skeleton: Skeleton, rng: np.random.Generator
) -> NDArray[np.float32]:
    copy = np.array(windows, np.float32)
    if strength:
        PERTURBATIONS[kind](copy, strength, skeleton, rng)
    return copy


def _right(probabilities: NDArray[np.float32], clip: NDArray[np.int64], actual: Mapping[int, int]) -> NDArray[np.bool_]:
    clips, of_clip = grouped_probabilities(probabilities, clip)
    return np.array([actual[c] == p for c, p in zip(clips.tolist(), of_clip.argmax(1).tolist(), strict=True)], bool)
