"""POST /predict_windows: the hot path, where the handling of a request must not cost more than the model.

docs/decisions/0013 has the figures. The endpoint reads and writes bytes itself; it is described to FastAPI, and served
by a bare Starlette route before it (`ROUTE`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from anyio.to_thread import run_sync
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from posemill.errors import PosemillError
from posemill.serving import arrays, npz, tensors
from posemill.serving.base_service import BaseActivityService
from posemill.serving.context import current_service
from posemill.serving.routers.json_body import JSON, strict_json
from posemill.serving.schemas.activity import WindowsAnswer, WindowsRequest
from posemill.serving.served_model import ServedModel
from posemill.telemetry import trace

PATH = "/predict_windows"
SMALL = 2**16  # bytes of a body that is read at once: a thread would take longer than the reading
_BINARY = {"type": "string", "format": "binary"}
_BODIES: dict[str, Any] = {
    JSON: {"schema": WindowsRequest.model_json_schema()},
    tensors.MEDIA_TYPE: {"schema": _BINARY | {"description": "safetensors with `windows`, float32 or float16"}},
    npz.MEDIA_TYPE: {"schema": _BINARY | {"description": "numpy.savez(file, windows=…), float32 or float16"}},
}
_ANSWERS: dict[str, Any] = {tensors.MEDIA_TYPE: {"schema": _BINARY}, npz.MEDIA_TYPE: {"schema": _BINARY}}

router = APIRouter(tags=["answers"])


@router.post(
    PATH,
    response_model=WindowsAnswer,
    responses={200: {"content": _ANSWERS}},
    openapi_extra={"requestBody": {"required": True, "content": _BODIES}},
    operation_id="predict_windows",
)
async def predict_windows(request: Request) -> Response:
    """Activities of windows.

    Windows (N, T, K, 3) are in pixels, as the feature pipeline cuts them; null (NaN in binary forms) = not seen. The
    answer is JSON, or with `Accept: application/x-safetensors` or `application/x-npz` arrays: probabilities (N, C)
    float32, best (N,) int64, abstained (N,) bool, and as JSON text classes and provenance (in safetensors' metadata).
    """
    service: BaseActivityService = current_service()
    windows = await _windows(request, service.champion)  # a challenger reads the same, see shadow/challenger.py
    model, probabilities = await _predicted(service, windows)
    abstained = model.observe(PATH, windows, probabilities)
    accepted = request.headers.get("accept", "")
    for media_type in (tensors.MEDIA_TYPE, npz.MEDIA_TYPE):
        if media_type in accepted:
            return Response(_binary(model, probabilities, abstained, media_type), media_type=media_type)
    return Response(_json(model, probabilities, abstained), media_type=JSON)


async def _predicted(
    service: BaseActivityService, windows: NDArray[np.float32]
) -> tuple[ServedModel, NDArray[np.float32]]:
    """Run the client's model, and the champion where a challenger fails; as BaseActivityService.answered_by."""
    model = service.answering()
    try:
        with trace.span("model", windows=len(windows)):  # with the time that it waits for a thread
            return model, await model.batches.run(windows)
    except PosemillError:
        raise
    except Exception as exc:
        if service.canary is None or model is service.champion:
            raise
        service.canary.failed(exc)
        return service.champion, await service.champion.batches.run(windows)


class BareRoute(Route):
    """Starlette's route, named in the scope as FastAPI names its own, for the metrics."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """As Route."""
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}


ROUTE = BareRoute(PATH, predict_windows, methods=["POST"])


async def _windows(request: Request, model: ServedModel) -> NDArray[np.float32]:
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = await request.body()
    with trace.span("decode", bytes=len(body)):
        if len(body) <= SMALL:
            return _read(body, media_type, model)
        return await run_sync(_read, body, media_type, model)


def _read(body: bytes, media_type: str, model: ServedModel) -> NDArray[np.float32]:
    features = model.predictor.features
    given: Any
    if media_type == tensors.MEDIA_TYPE:
        given = tensors.read(body)
    elif media_type == npz.MEDIA_TYPE:
        given = npz.read(body)
    else:
        given = WindowsRequest.model_validate(strict_json(body)).windows
    return arrays.windows_array(given, features.window.frames, features.skeleton, features.coordinates + 1)


def _json(model: ServedModel, probabilities: NDArray[np.float32], abstained: NDArray[np.bool_]) -> bytes:
    """Write a WindowsAnswer without making one."""
    classes, provenance = model.predictor.classes, model.provenance_fields
    return to_json(
        {
            "classes": classes,
            "activities": [classes[i] for i in probabilities.argmax(1)],
            "probabilities": probabilities.tolist(),
            "abstained": abstained.tolist(),
            "provenance": provenance,
            "receipt": provenance,
        }
    )


def _binary(
    model: ServedModel, probabilities: NDArray[np.float32], abstained: NDArray[np.bool_], media_type: str
) -> bytes:
    """Write arrays as safetensors or NumPy archive, whose texts are arrays too."""
    answer = {"probabilities": probabilities, "best": probabilities.argmax(1), "abstained": abstained}
    texts = {"classes": model.predictor.classes, "provenance": model.provenance_fields}
    if media_type == tensors.MEDIA_TYPE:
        return tensors.write(answer, texts)
    texts |= {"receipt": model.provenance_fields}  # its former name
    return npz.write(answer | {name: npz.text(value) for name, value in texts.items()})
