"""What a network says, as probabilities that evaluation judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.calibration import softmax
from posemill.models.predict import Features, logits

PredictFn = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # windows (N, T, K, 3) → probabilities (N, C)


def predict_fn(network: Any, features: Features, temperature: float, batch_size: int) -> PredictFn:
    """The network as one function of windows in pixels; its answers are those that evaluation judges."""

    def ask(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        said = logits(network, features, windows, np.arange(len(windows)), batch_size)
        return softmax(said, temperature).astype(np.float32)

    return ask
