"""Served model: a packaged model with its micro-batcher, the provenance of its answers, and who observes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.prediction.model import ActivityModel
from posemill.serving.batches import MicroBatcher
from posemill.serving.context import CALLER
from posemill.serving.schemas.provenance import Provenance
from posemill.telemetry import trace


class ServedModel:
    """Model that answers requests of a service.

    tag              of the bento that it was packaged in, or of the model alone.
    provenance       of its answers; provenance_fields the same as JSON.
    observers        called with every Predicted, in the request: they must not wait.
    """

    def __init__(self, tag: str, predictor: ActivityModel, provenance: Provenance, threads: int) -> None:
        self.tag, self.predictor, self.provenance = tag, predictor, provenance
        self.provenance_fields = provenance.model_dump(mode="json")
        self.batches = MicroBatcher(predictor.probabilities, threads)
        self.observers: list[Callable[[Predicted], None]] = []

    def observe(
        self, endpoint: str, windows: NDArray[np.float32], probabilities: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Call the observers; returns (N,) where the model abstains. windows (N, T, K, 3) pixels, probabilities (N, C).

        The request is marked as answered by this model, see middleware/answered_by.py.
        """
        abstained = self.predictor.abstained(probabilities)
        if (caller := CALLER.get()) is not None:
            caller.answered_by = self.tag
        predicted = Predicted(endpoint, windows, probabilities, abstained, self)
        for observer in self.observers:
            observer(predicted)
        return abstained


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Windows (N, T, K, 3) of a request, their probabilities (N, C), and where the model abstained (N,)."""

    endpoint: str
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    abstained: NDArray[np.bool_]
    model: ServedModel


def model_class() -> type[ActivityModel]:
    """Return the class of models: one that records spans where traces are exported."""
    if not trace.active():
        return ActivityModel
    from posemill.serving.traced_model import TracedModel

    return TracedModel
