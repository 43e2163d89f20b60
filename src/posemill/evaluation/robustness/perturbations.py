"""The noise budget: what is left of the accuracy when keypoints shake, vanish or change sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.predict import PredictFn
from posemill.features.pipeline import EXTENT_QUANTILE
from posemill.features.verdict import grouped_probabilities
from posemill.pose.geometry import sides
from posemill.pose.skeleton import Skeleton

STEPS = (0.5, 1.0, 2.0)  # of the budget: half of it, all of it, and what comes after


@dataclass(frozen=True, slots=True)
class PerturbationAccuracy:
    """Accuracy of clips under one kind of noise; `strength` in that kind's unit, see KINDS."""

    kind: str
    strength: float
    accuracy: float


def jitter(windows: NDArray[np.float32], strength: float, body: Skeleton, rng: np.random.Generator) -> None:
    """Every sighting moves by a Gaussian of `strength` times the person's size: the longer side of their box."""
    axes = [0, 1, *range(3, windows.shape[-1])]  # the confidence stays
    places = windows[..., axes]
    size = np.quantile(sides(places).max(-1), EXTENT_QUANTILE, axis=1)
    shift = rng.standard_normal(places.shape, np.float32)
    windows[..., axes] = places + shift * (strength * size.astype(np.float32))[:, None, None, None]


def dropout(windows: NDArray[np.float32], strength: float, body: Skeleton, rng: np.random.Generator) -> None:
    """That share of all sightings is lost, each by itself."""
    windows[rng.random(windows.shape[:3]) < strength] = (np.nan, np.nan, 0, np.nan)[: windows.shape[-1]]


def swaps(windows: NDArray[np.float32], strength: float, body: Skeleton, rng: np.random.Generator) -> None:
    """Left and right change names in that share of all poses, each by itself."""
    swapped = rng.random(windows.shape[:2]) < strength
    windows[swapped] = windows[swapped][:, body.flip_index]


Noise = Callable[[NDArray[np.float32], float, Skeleton, np.random.Generator], None]  # changes windows in place
KINDS: Mapping[str, Noise] = MappingProxyType({"jitter": jitter, "dropout": dropout, "swaps": swaps})


def perturbation_accuracy(
    ask: PredictFn,
    windows: NDArray[np.float32],
    rows: NDArray[np.int64],
    clip: NDArray[np.int64],
    actual: Mapping[int, int],
    body: Skeleton,
    budget: Mapping[str, float],
    batch: int = 1024,
) -> list[PerturbationAccuracy]:
    """Accuracy of clips without noise (strength 0), then at every step of every kind's budget.

    windows  (N, T, K, C) pixels, may be a memmap; `rows` of it are asked, `clip` (len(rows),) says whose they are.
    actual   class number by clip.
    """
    found = []
    for kind, limit in budget.items():
        for strength in (0.0, *(step * limit for step in STEPS)):
            rng = np.random.default_rng(0)  # the same noise for every model, so that models can be compared
            said = [
                ask(_noisy(windows[rows[i : i + batch]], kind, strength, body, rng)) for i in range(0, len(rows), batch)
            ]
            found.append(PerturbationAccuracy(kind, strength, _accuracy(np.concatenate(said), clip, actual)))
    return found


def lost(perturbed: list[PerturbationAccuracy], kind: str, strength: float) -> float:
    """Accuracy without noise minus that at `strength`."""
    accuracy = {round(s.strength, 9): s.accuracy for s in perturbed if s.kind == kind}
    return accuracy[0.0] - accuracy[round(strength, 9)]


def _noisy(
    windows: NDArray[np.float32], kind: str, strength: float, body: Skeleton, rng: np.random.Generator
) -> NDArray[np.float32]:
    noisy = np.array(windows, np.float32)
    if strength:
        KINDS[kind](noisy, strength, body, rng)
    return noisy


def _accuracy(probabilities: NDArray[np.float32], clip: NDArray[np.int64], actual: Mapping[int, int]) -> float:
    clips, of_clip = grouped_probabilities(probabilities, clip)
    return float(np.mean([actual[c] == said for c, said in zip(clips.tolist(), of_clip.argmax(1), strict=True)]))
