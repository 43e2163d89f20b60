"""Prediction function: a network, its features and its temperature as one function from windows to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.calibration import softmax
from posemill.models.inference import Features, predict_logits

PredictFn = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # windows (N, T, K, 3) → probabilities (N, C)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPredictFn:
    """A network as a function of windows in pixels; its probabilities are those that evaluation reports."""

    network: Any
    features: Features
    temperature: float
    batch_size: int

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, T, K, 3) pixels → (N, C) probabilities."""
        logits = predict_logits(self.network, self.features, windows, np.arange(len(windows)), self.batch_size)
        return softmax(logits, self.temperature).astype(np.float32)


def predict_fn(network: Any, features: Features, temperature: float, batch_size: int) -> PredictFn:
    """Wrap a network as a function of windows in pixels."""
    return NetworkPredictFn(network, features, temperature, batch_size)
