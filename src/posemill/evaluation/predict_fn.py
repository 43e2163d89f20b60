"""Prediction function: a network, its features and its temperature as one function from windows to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.calibration import softmax
from posemill.models.inference import Features, predict_logits

PredictFn = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # windows (N, T, K, 3) → probabilities (N, C)


def predict_fn(network: Any, features: Features, temperature: float, batch_size: int) -> PredictFn:
    """Wrap a network as a function of windows in pixels; its probabilities are those that evaluation reports."""

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = predict_logits(network, features, windows, np.arange(len(windows)), batch_size)
        return softmax(logits, temperature).astype(np.float32)

    return predict
