"""Open-set recognition: a trained network with one more logit, for "none of these".

How much a window looks like the taught activities is the sum of three terms: cosine similarity of its penultimate
features with the nearest prototype, relative Mahalanobis distance (to the nearest class, less that to all windows
together), and the log of the top-1 probability. Below a threshold the last logit is the largest. All of it is part of
the network, so that every runtime that runs the exported file has it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posemill.errors import CheckpointError

FILE, FORMAT = "open_set.safetensors", "posemill-open-set-1"
_ARRAYS = ("mean", "spread", "prototypes", "within", "class_means", "overall", "overall_mean", "weights")
_NUMBERS = ("threshold", "gain", "temperature")
SMALLEST = 1e-6  # length that features are divided by


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetScore:
    """Open-set score of a network with penultimate features (D,) and C classes; arrays are float32.

    mean, spread   (D,) what features are standardised by.
    prototypes     (M, D) of length 1, of all classes together.
    within         (D, R) whitening of the variation within classes; class_means (C, R), whitened.
    overall        (D, R) whitening of all windows; overall_mean (R,), whitened.
    weights        (3,) of similarity, relative Mahalanobis distance and log of the top-1 probability.
    threshold      score below which a window is none of the classes.
    gain           logits a unit of score: how steeply the probability of "none of these" falls.
    temperature    of the probabilities, as evaluation calibrated them; > 0.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    prototypes: NDArray[np.float32]
    within: NDArray[np.float32]
    class_means: NDArray[np.float32]
    overall: NDArray[np.float32]
    overall_mean: NDArray[np.float32]
    weights: NDArray[np.float32]
    threshold: float
    gain: float
    temperature: float

    def save(self, folder: Path) -> None:
        """Write open_set.safetensors."""
        arrays = {name: np.asarray(getattr(self, name), np.float32) for name in _ARRAYS}
        _write(folder / FILE, arrays | {name: np.array([getattr(self, name)], np.float64) for name in _NUMBERS})

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read open_set.safetensors; None where there is none, or an empty one. Errors: CheckpointError."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = folder / FILE
        if not path.is_file():
            return None
        try:
            fields: dict[str, Any] = load_file(path)
            if not fields:
                return None
            numbers: dict[str, Any] = {name: float(fields[name][0]) for name in _NUMBERS}
            arrays = {name: fields[name] for name in _ARRAYS}
            return cls(**arrays, **numbers)
        except (SafetensorError, KeyError, IndexError) as exc:
            raise CheckpointError(f"{path} is not an open-set score of posemill ({exc!r}): evaluate again") from exc


def save_none(folder: Path) -> None:
    """Write an open_set.safetensors that says that a network has no score."""
    _write(folder / FILE, {})


class LogitsAndFeatures(nn.Module):
    """A head that answers logits and, after them, the penultimate features that it read: (B, D) → (B, C + D)."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) → (B, C + D)."""
        return torch.cat([self.head(features), features], dim=-1)


class OpenSetTerms(nn.Module):
    """Terms of an open-set score: features (B, D) and scaled logits (B, C) → (B, 3)."""

    mean: Tensor
    spread: Tensor
    prototypes: Tensor
    within: Tensor
    class_means: Tensor
    overall: Tensor
    overall_mean: Tensor
    weights: Tensor

    def __init__(self, score: OpenSetScore) -> None:
        super().__init__()
        for name in _ARRAYS:
            self.register_buffer(name, torch.from_numpy(np.array(getattr(score, name), np.float32)))

    def forward(self, features: Tensor, scaled: Tensor) -> Tensor:
        """(B, D), (B, C) → (B, 3), before the weights."""
        standard = (features - self.mean) / self.spread
        unit = standard / standard.square().sum(-1, keepdim=True).sqrt().clamp(min=SMALLEST)
        similarity = (unit @ self.prototypes.T).amax(-1)
        to_classes = ((standard @ self.within)[:, None] - self.class_means).square().sum(-1).amin(-1)
        to_all = (standard @ self.overall - self.overall_mean).square().sum(-1)
        return torch.stack([similarity, to_all - to_classes, scaled.amax(-1) - scaled.logsumexp(-1)], dim=-1)


class OpenSetNetwork(nn.Module):
    """(B, T, K, 3) normalised windows → (B, C + 1) logits, the last of which is of "none of these".

    network  a trained network of C classes with a module `head`.
    Errors: CheckpointError where the score is of a network of other features.
    """

    def __init__(self, network: nn.Module, score: OpenSetScore, classes: int) -> None:
        super().__init__()
        self.network, self.terms, self.score, self.classes = with_features(network), OpenSetTerms(score), score, classes
        if (features := _features_of(network, classes)) != len(score.mean):
            raise CheckpointError(
                f"{FILE} is of a network with {len(score.mean)} features, this one has {features}: evaluate again"
            )
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, C + 1)."""
        both, score = self.network(x), self.score
        logits = both[:, : self.classes]
        scaled = logits / score.temperature
        terms = self.terms(both[:, self.classes :], scaled)
        margin = (terms * self.terms.weights).sum(-1, keepdim=True) - score.threshold
        none = scaled.amax(-1, keepdim=True) - score.gain * margin
        return torch.cat([logits, score.temperature * none], dim=-1)


def with_features(network: nn.Module) -> nn.Module:
    """Return a copy of a network, in eval mode, that answers (B, C + D): logits and penultimate features.

    Errors: CheckpointError for a network without a module `head`, such as an ensemble.
    """
    if not has_features(network):
        raise CheckpointError(f"{type(network).__name__} has no module `head`, whose input is what a score is made of")
    both = copy.deepcopy(network).eval()
    both.head = LogitsAndFeatures(both.get_submodule("head"))
    return both


def has_features(network: object) -> bool:
    """True if a network has penultimate features: what its module `head` reads. An ensemble has none of its own."""
    return hasattr(network, "head")


def parts_of(network: nn.Module) -> tuple[bool, OpenSetScore | None]:
    """Return what was put around a trained network: whether it answers features too, and its open-set score."""
    if isinstance(network, OpenSetNetwork):
        return False, network.score
    return isinstance(getattr(network, "head", None), LogitsAndFeatures), None


def _features_of(network: nn.Module, classes: int) -> int:
    """Number of penultimate features: columns of the last matrix of the head."""
    matrices = [p for p in network.get_submodule("head").parameters() if p.ndim == 2 and p.shape[0] == classes]
    if not matrices:
        raise CheckpointError(f"the last layer of {type(network).__name__} does not give {classes} logits")
    return int(matrices[-1].shape[1])


def _write(path: Path, arrays: dict[str, NDArray[np.floating]]) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, path, {"format": FORMAT})
