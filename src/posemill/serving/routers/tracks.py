"""POST /predict_track: one person's keypoints over time → verdict and timeline."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from posemill.serving import arrays, timeline
from posemill.serving.base_service import BaseActivityService
from posemill.serving.context import current_service
from posemill.serving.routers.json_body import JSON, StrictJsonRoute
from posemill.serving.schemas.activity import TrackAnswer, TrackRequest

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
    predictor = service.predictor
    spans, windows, probabilities = predictor.predict_track(arrays.track_of(request))
    service.observe("/predict_track", windows, probabilities)
    return TrackAnswer(
        verdict=timeline.verdict(probabilities, predictor.classes, predictor.below),
        segments=timeline.segments(spans, probabilities, predictor.classes, predictor.below),
        windows=timeline.windows(spans, probabilities, predictor.classes, predictor.below),
        note=None if len(spans) else "the track is too short, or too little of it is seen, for one window",
        provenance=service.provenance,
    )
