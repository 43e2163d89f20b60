"""Evidence of a fall: a small network over the features of a descent, trained on rendered falls and everyday life.

Its weights lie beside it as JSON, written by tools/train_fall_evidence.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posemill.applications.fall.features import FEATURES
from posemill.errors import CheckpointError

WEIGHTS = Path(__file__).parent / "evidence.json"
FARTHEST = 5.0  # standard deviations: features beyond are held there
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


class Evidence(Protocol):
    """Interface of the evidence: how much a descent looks like a fall."""

    def logit(self, features: NDArray[np.float32]) -> float:
        """Log odds of a fall against everyday movement, for features (F,); 0 = undecided."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEvidence:
    """An ensemble of small networks: features → standardised → hidden layers (tanh) → log odds, averaged.

    mean, spread  (F,) of the features in training.
    networks      each a list of (weights (in, out), bias (out,)).
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    networks: tuple[tuple[Layer, ...], ...]

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> TrainedEvidence:
        """Read the weights. Errors: CheckpointError where the file is missing or of other features."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as exc:
            raise CheckpointError(f"{path} is missing or no JSON; tools/train_fall_evidence.py writes it") from exc
        if tuple(stored["features"]) != FEATURES:
            raise CheckpointError(f"{path} is of other features than these; run tools/train_fall_evidence.py")
        networks = tuple(
            tuple((np.array(layer["weights"], np.float64), np.array(layer["bias"], np.float64)) for layer in network)
            for network in stored["networks"]
        )
        return cls(np.array(stored["mean"]), np.array(stored["spread"]), networks)

    def logit(self, features: NDArray[np.float32]) -> float:
        """Log odds of a fall, for features (F,)."""
        x = np.clip((features - self.mean) / self.spread, -FARTHEST, FARTHEST)
        return float(np.mean([_forward(network, x) for network in self.networks]))


def _forward(network: tuple[Layer, ...], x: NDArray[np.float64]) -> float:
    for weights, bias in network[:-1]:
        x = np.tanh(x @ weights + bias)
    weights, bias = network[-1]
    return float((x @ weights + bias)[0])
