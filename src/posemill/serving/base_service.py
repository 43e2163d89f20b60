"""Base of both services: the model, perhaps a challenger, and everything that answers need of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import bentoml
from anyio import CapacityLimiter

from posemill.errors import PosemillError
from posemill.serving import prediction_log
from posemill.serving.metrics import Metrics
from posemill.serving.middleware.workers import shared_folder
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.served_model import ServedModel, model_class
from posemill.serving.shadow import canary, shadow
from posemill.serving.shared_metrics import SharedMetrics
from posemill.telemetry import logs, trace

MODEL = "posemill-activity"  # alias in the bento of the model that it was built with
THREADS = 2  # runs of the model at the same time
Answer = TypeVar("Answer")


class BaseActivityService:
    """State that ActivityService and AnalysisService share. The model comes from BentoML's store, pinned by the bento.

    champion  the model of the bento; canary, shadow  a challenger beside it, see shadow/.
    licence   that applies to whoever offers this service; version is posemill's; workers: processes of this service.
    """

    licence, workers = "Apache-2.0", 1

    def __init__(self) -> None:
        logs.use_json()
        trace.start("posemill-service")
        self.folder = Path(bentoml.models.get(MODEL).path)
        self.champion = _champion(self.folder)
        self.version = _version()
        self.threads = CapacityLimiter(THREADS)  # for tracks; windows go through the batcher
        self.metrics = Metrics(self.champion.predictor.classes)
        batches = self.champion.batches
        self.metrics.gauge("posemill_waiting_windows", "Windows that wait for the model.", lambda: batches.waiting)
        self.champion.observers.append(self.metrics.observed)
        self.logs = [prediction_log.attach(self.champion)]
        self.canary = canary.from_environment(os.environ, self.folder, self.champion, THREADS, self.metrics)
        if self.canary is not None:
            self.logs.append(prediction_log.attach(self.canary.challenger))
        self.shadow = shadow.from_environment(os.environ, self.folder, self.champion, self.metrics)
        prediction_log.show(self.logs, self.metrics)
        self.shared_metrics = SharedMetrics(self.metrics, shared_folder()) if self.workers > 1 else None
        self.champion.predictor.warm()  # BentoML says ready after this

    def close_logs(self) -> None:
        """Write the answers that wait for the database: a service calls it at its end, where atexit does not come."""
        for log in self.logs:
            log.close()
        if self.shared_metrics is not None:
            self.shared_metrics.close()

    def metrics_text(self) -> bytes:
        """Metrics of all workers of this service, in Prometheus' text form."""
        return self.metrics.text() if self.shared_metrics is None else self.shared_metrics.text()

    @property
    def provenance(self) -> Provenance:
        """Provenance of what the service is in itself: the bento and its own model."""
        return self.champion.provenance

    def answering(self) -> ServedModel:
        """Return the model that answers the client of this request."""
        return self.champion if self.canary is None else self.canary.model_for_client()

    def answered_by(self, use: Callable[[ServedModel], Answer]) -> Answer:
        """Answer with the model of this request's client, and with the champion where a challenger fails.

        use  makes the answer, in this thread. Errors: those of `use`.
        """
        model = self.answering()
        try:
            return use(model)
        except PosemillError:  # what was sent makes no sense, for either
            raise
        except Exception as exc:
            if self.canary is None or model is self.champion:
                raise
            self.canary.failed(exc)
            return use(self.champion)


def _champion(folder: Path) -> ServedModel:
    """Load the model of the bento that this process serves."""
    name, version = bentoml.server_context.bento_name, bentoml.server_context.bento_version
    tag = f"{name}:{version}" if version not in (None, "not available") else None
    predictor = model_class().load(folder)
    return ServedModel(tag or "not in a bento", predictor, Provenance.of(tag, predictor.digests), THREADS)


def _version() -> str | None:
    try:
        return metadata.version("posemill")
    except metadata.PackageNotFoundError:  # the small bento brings the source alone
        return None
