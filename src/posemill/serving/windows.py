"""POST /predict_windows as a route of its own: the one endpoint where BentoML's way costs more than the model.

docs/decisions/0012 has the figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posemill.serving import checks, npz
from posemill.serving.inputs import json_of
from posemill.serving.routes import documented, here
from posemill.serving.schema import WindowsAnswer, WindowsRequest

if TYPE_CHECKING:
    from posemill.serving.endpoints import ActivityEndpoints

JSON = "application/json"
SMALL = 2**16  # bytes of a body that is read at once: a thread would take longer than the reading
_ARCHIVE = {"type": "string", "format": "binary", "description": "numpy.savez(file, windows=…), float32 or float16"}


def routes() -> list[BaseRoute]:
    """/predict_windows."""
    return [Route("/predict_windows", predict_windows, methods=["POST"])]


@documented(
    takes={JSON: WindowsRequest, npz.MEDIA_TYPE: _ARCHIVE},
    answers={JSON: WindowsAnswer, npz.MEDIA_TYPE: {"type": "string", "format": "binary"}},
    refusals=(400, 413, 422, 503),
    operationId="predict_windows",
)
async def predict_windows(request: Request) -> Response:
    """Activities of windows (N, T, K, 3) in pixels, as the feature pipeline cuts them; null (NaN in npz) = not seen.

    The answer is JSON, or with `Accept: application/x-npz` an archive with probabilities (N, C) float32, best (N,)
    int64, abstained (N,) bool, and as JSON text classes and receipt.
    """
    service: ActivityEndpoints = here()
    windows = await _windows(request, service)
    probabilities = await service.batches.run(windows)
    abstained = service.observe("/predict_windows", windows, probabilities)
    if npz.MEDIA_TYPE in request.headers.get("accept", ""):
        return Response(_archive(service, probabilities, abstained), media_type=npz.MEDIA_TYPE)
    return Response(_json(service, probabilities, abstained), media_type=JSON)


async def _windows(request: Request, service: ActivityEndpoints) -> NDArray[np.float32]:
    binary = request.headers.get("content-type", JSON).partition(";")[0].strip().lower() == npz.MEDIA_TYPE
    body = await request.body()
    if len(body) <= SMALL:
        return _read(body, binary, service)
    from anyio.to_thread import run_sync

    return await run_sync(_read, body, binary, service)


def _read(body: bytes, binary: bool, service: ActivityEndpoints) -> NDArray[np.float32]:
    features = service.predictor.features
    given: Any = npz.read(body) if binary else WindowsRequest.model_validate(json_of(body)).windows
    return checks.windows_array(given, features.window.frames, features.skeleton, features.coordinates + 1)


def _json(service: ActivityEndpoints, probabilities: NDArray[np.float32], abstained: NDArray[np.bool_]) -> bytes:
    """A WindowsAnswer, written without making one."""
    classes = service.predictor.classes
    return to_json(
        {
            "classes": classes,
            "activities": [classes[i] for i in probabilities.argmax(1)],
            "probabilities": probabilities.tolist(),
            "abstained": abstained.tolist(),
            "receipt": service.receipt_fields,
        }
    )


def _archive(service: ActivityEndpoints, probabilities: NDArray[np.float32], abstained: NDArray[np.bool_]) -> bytes:
    return npz.write(
        {
            "probabilities": probabilities,
            "best": probabilities.argmax(1),
            "abstained": abstained,
            "classes": npz.text(service.predictor.classes),
            "receipt": npz.text(service.receipt_fields),
        }
    )
