"""POST /predict_track: one person's keypoints over time → verdict and timeline."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from posemill.serving import arrays
from posemill.serving.base_service import BaseActivityService
from posemill.serving.context import current_service
from posemill.serving.routers.json_body import JSON, StrictJsonRoute
from posemill.serving.schemas.activity import TrackAnswer, TrackRequest
from posemill.serving.served_model import ServedModel

router = APIRouter(tags=["answers"], route_class=StrictJsonRoute)


@router.post("/predict_track", response_model=TrackAnswer, operation_id="predict_track")
async def predict_track(track: TrackRequest) -> Any:
    """Activities along one person's track.

    Any frame rate, and any skeleton that has the model's keypoints by name.
    """
    service: BaseActivityService = current_service()
    answer = await run_sync(answer_track, service, track, limiter=service.threads)
    return Response(answer.model_dump_json(), media_type=JSON)


def answer_track(service: BaseActivityService, request: TrackRequest) -> TrackAnswer:
    """Predict a track in this thread. Errors: InputError, SkeletonError."""
    track = arrays.track_of(request)

    def answer_with(model: ServedModel) -> TrackAnswer:
        answer = model.predictor.predict_track(track, on_windows=partial(model.observe, "/predict_track"))
        return TrackAnswer(provenance=model.provenance, **dict(answer))

    return service.answered_by(answer_with)
