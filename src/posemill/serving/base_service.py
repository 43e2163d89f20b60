"""Base of both services: the model and everything that answers need of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from anyio import CapacityLimiter
from numpy.typing import NDArray

from posemill.prediction.model import ActivityModel
from posemill.serving import prediction_log
from posemill.serving.batches import MicroBatcher
from posemill.serving.metrics import Metrics
from posemill.serving.schemas.provenance import Provenance

MODEL = "posemill-activity"  # alias in the bento of the model that it was built with
THREADS = 2  # runs of the model at the same time


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Windows (N, T, K, 3) of a request, their probabilities (N, C), and where the model abstained (N,)."""

    endpoint: str
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    abstained: NDArray[np.bool_]


class BaseActivityService:
    """State that ActivityService and AnalysisService share. The model comes from BentoML's store, pinned by the bento.

    licence  that applies to whoever offers this service; provenance names what answers; version is posemill's.
    """

    licence = "Apache-2.0"

    def __init__(self) -> None:
        self.folder = Path(bentoml.models.get(MODEL).path)
        self.predictor = ActivityModel.load(self.folder)
        self.provenance = _provenance(self.predictor.digests)
        self.provenance_fields = self.provenance.model_dump(mode="json")
        self.version = _version()
        self.threads = CapacityLimiter(THREADS)  # for tracks; windows go through the batcher
        self.batches = MicroBatcher(self.predictor.probabilities, THREADS)
        self.metrics = Metrics(self.predictor.classes)
        self.metrics.gauge("posemill_waiting_windows", "Windows that wait for the model.", lambda: self.batches.waiting)
        self.observers: list[Callable[[Predicted], None]] = []
        prediction_log.attach(self)
        self.predictor.warm()  # BentoML says ready after this

    def observe(
        self, endpoint: str, windows: NDArray[np.float32], probabilities: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Count predictions and call the observers; returns (N,) where the model abstains.

        windows (N, T, K, 3) pixels, probabilities (N, C). Observers run in the request: they must not wait.
        """
        abstained = self.predictor.abstained(probabilities)
        self.metrics.predicted(probabilities, abstained)
        for observer in self.observers:
            observer(Predicted(endpoint, windows, probabilities, abstained))
        return abstained


def _provenance(digests: dict[str, Any]) -> Provenance:
    """Build it from digests of the packaged files, and the tag of the bento that this process serves."""
    name, version = bentoml.server_context.bento_name, bentoml.server_context.bento_version
    return Provenance.of(f"{name}:{version}" if version not in (None, "not available") else None, digests)


def _version() -> str | None:
    try:
        return metadata.version("posemill")
    except metadata.PackageNotFoundError:  # the small bento brings the source alone
        return None
