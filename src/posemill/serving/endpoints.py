"""The endpoints that both services have: windows and tracks of keypoints → activities."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import bentoml

from posemill.errors import InputError, PosemillError
from posemill.serving import checks, timeline
from posemill.serving.guard.gate import Guard
from posemill.serving.http import BodyLimit, ErrorSentences
from posemill.serving.inputs import TrackInput, WindowsInput
from posemill.serving.predictor import ActivityPredictor
from posemill.serving.schema import Receipt, TrackAnswer, WindowsAnswer

MODEL = "posemill-activity"  # alias in the bento of the model that it was built with


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
    """Put the guard, the body limit (bytes) and the form of errors before every endpoint of a BentoML service."""
    service.add_asgi_middleware(Guard, answer_s=0.9 * service.config["traffic"]["timeout"])
    service.add_asgi_middleware(BodyLimit, limit_bytes=body_limit)
    service.add_asgi_middleware(ErrorSentences)


class ActivityEndpoints:
    """What ActivityService and AnalysisService share. The model comes from BentoML's store, pinned by the bento.

    licence  what applies to whoever offers this service; receipt names what answers; version is posemill's.
    """

    licence = "Apache-2.0"

    def __init__(self) -> None:
        self.folder = Path(bentoml.models.get(MODEL).path)
        self.predictor = ActivityPredictor.load(self.folder)
        self.receipt = _receipt(self.predictor.digests)
        self.version = _installed()
        self.predictor.warm()  # BentoML says ready after this

    @bentoml.api
    @errors_are_sentences
    def predict_windows(self, request: WindowsInput, /) -> WindowsAnswer:
        """Activities of windows (N, T, K, 3) in pixels, as the feature pipeline cuts them; null = not seen."""
        features = self.predictor.features
        windows = checks.windows_array(request.windows, features.window.frames, features.skeleton)
        probabilities = self.predictor.probabilities(windows)
        classes = list(self.predictor.classes)
        return WindowsAnswer(
            classes=classes,
            activities=[classes[i] for i in probabilities.argmax(1)],
            probabilities=probabilities.tolist(),
            receipt=self.receipt,
        )

    @bentoml.api
    @errors_are_sentences
    def predict_track(self, request: TrackInput, /) -> TrackAnswer:
        """Activities along one person's track, of any frame rate and any skeleton with the model's keypoints."""
        spans, probabilities = self.predictor.track(checks.track_of(request))
        classes = self.predictor.classes
        return TrackAnswer(
            verdict=timeline.verdict(probabilities, classes),
            segments=timeline.segments(spans, probabilities, classes),
            windows=timeline.windows(spans, probabilities, classes),
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
