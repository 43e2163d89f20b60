"""The endpoints that both services have: windows and tracks of keypoints → activities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError, PosemillError
from posemill.serving import checks, prediction_log, timeline
from posemill.serving.batches import Batches
from posemill.serving.guard.gate import Guard
from posemill.serving.http import BodyLimit, ErrorSentences
from posemill.serving.inputs import TrackInput
from posemill.serving.metrics import Metered, Metrics
from posemill.serving.predictor import ActivityPredictor
from posemill.serving.routes import Endpoints, documented
from posemill.serving.schema import Receipt, TrackAnswer, TrackRequest

MODEL = "posemill-activity"  # alias in the bento of the model that it was built with
THREADS = 2  # runs of the model at the same time


def errors_are_sentences(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """InputError becomes 422, any other PosemillError 503, with its own sentence; the rest stays a 500."""

    @wraps(endpoint)
    def answer(*args: Any, **kwargs: Any) -> Any:
        from starlette.responses import JSONResponse

        try:
            return endpoint(*args, **kwargs)
        except PosemillError as exc:
            return JSONResponse({"error": str(exc)}, 422 if isinstance(exc, InputError) else 503)

    return answer


def house_rules(service: Any, body_limit: int) -> None:
    """Put counting, the guard, the body limit (bytes) and the form of errors before every endpoint of a service."""
    service.config["metrics"] = {"enabled": False}  # see metrics.py
    # spans that nobody collects cost as much as everything else around the model; a BENTOML_CONFIG of one's own wins
    service.config["tracing"] = {"excluded_urls": ".*"}
    service.add_asgi_middleware(Metered, endpoint=Endpoints(service))
    service.add_asgi_middleware(Guard, answer_s=0.9 * service.config["traffic"]["timeout"])
    service.add_asgi_middleware(BodyLimit, limit_bytes=body_limit)
    service.add_asgi_middleware(ErrorSentences)


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a request brought and got: windows (N, T, K, 3), probabilities (N, C), abstained (N,)."""

    endpoint: str
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    abstained: NDArray[np.bool_]


class ActivityEndpoints:
    """What ActivityService and AnalysisService share. The model comes from BentoML's store, pinned by the bento.

    licence  what applies to whoever offers this service; receipt names what answers; version is posemill's.
    """

    licence = "Apache-2.0"

    def __init__(self) -> None:
        self.folder = Path(bentoml.models.get(MODEL).path)
        self.predictor = ActivityPredictor.load(self.folder)
        self.receipt = _receipt(self.predictor.digests)
        self.receipt_fields = self.receipt.model_dump(mode="json")
        self.version = _installed()
        self.batches = Batches(self.predictor.probabilities, THREADS)
        self.metrics = Metrics(self.predictor.classes)
        self.metrics.gauge("posemill_waiting_windows", "Windows that wait for the model.", lambda: self.batches.waiting)
        self.observers: list[Callable[[Predicted], None]] = []
        prediction_log.watch(self)
        self.predictor.warm()  # BentoML says ready after this

    def observe(
        self, endpoint: str, windows: NDArray[np.float32], probabilities: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Count what was predicted and tell whoever watches; returns (N,) where the model abstains.

        windows (N, T, K, 3) pixels, probabilities (N, C). Observers run in the request: they must not wait.
        """
        abstained = self.predictor.abstained(probabilities)
        self.metrics.predicted(probabilities, abstained)
        for observer in self.observers:
            observer(Predicted(endpoint, windows, probabilities, abstained))
        return abstained

    @bentoml.api
    @documented(takes={"application/json": TrackRequest}, answers=TrackAnswer, refusals=(400, 413, 422, 503))
    @errors_are_sentences
    def predict_track(self, request: TrackInput, /) -> TrackAnswer:
        """Activities along one person's track, of any frame rate and any skeleton with the model's keypoints."""
        spans, windows, probabilities = self.predictor.judge(checks.track_of(request))
        self.observe("/predict_track", windows, probabilities)
        classes, below = self.predictor.classes, self.predictor.below
        return TrackAnswer(
            verdict=timeline.verdict(probabilities, classes, below),
            segments=timeline.segments(spans, probabilities, classes, below),
            windows=timeline.windows(spans, probabilities, classes, below),
            note=None if len(spans) else "the track is too short, or too little of it is seen, for one window",
            receipt=self.receipt,
        )


def _receipt(digests: dict[str, Any]) -> Receipt:
    """Digests of the packaged files, and the tag of the bento that this process serves."""
    name, version = bentoml.server_context.bento_name, bentoml.server_context.bento_version
    return Receipt.of(f"{name}:{version}" if version not in (None, "not available") else None, digests)


def _installed() -> str | None:
    from importlib import metadata

    try:
        return metadata.version("posemill")
    except metadata.PackageNotFoundError:  # the small bento brings the source alone
        return None
