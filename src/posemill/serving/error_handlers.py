"""Error responses: every status from 400 on is {"error": one sentence}, whoever raised it.

FastAPI and Starlette raise HTTPException and RequestValidationError, pydantic ValidationError, posemill its own errors.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from posemill.errors import InputError, PosemillError
from posemill.serving.jobs import Full

LONGEST = 500  # characters of a sentence


def exception_handlers() -> dict[int | type[Exception], Callable[[Request, Any], Any]]:
    """Return the handlers of an app, by exception class."""
    return {
        PosemillError: posemill_error,
        HTTPException: http_exception,
        ValidationError: validation_error,
        RequestValidationError: validation_error,
        ClientDisconnect: client_disconnect,
    }


def error_response(status: int, sentence: str, headers: Any = None) -> JSONResponse:
    """Return {"error": sentence}; a sentence that repeats something long that was sent is shortened."""
    if len(sentence) > LONGEST:
        sentence = f"{sentence[: LONGEST - 150]} … {sentence[-140:]}"
    return JSONResponse({"error": sentence}, status, headers)


async def posemill_error(request: Request, exc: PosemillError) -> Response:
    """InputError is 422, a full queue 429, any other PosemillError 503."""
    return error_response(422 if isinstance(exc, InputError) else 429 if isinstance(exc, Full) else 503, str(exc))


async def http_exception(request: Request, exc: HTTPException) -> Response:
    """Keep status and headers; bare 404 and 405 get a sentence that helps."""
    sentence, path = str(exc.detail), request.url.path
    if sentence == http.HTTPStatus(exc.status_code).phrase:
        if exc.status_code == 404:
            sentence = f"there is nothing at {path}; see /docs for what there is"
        elif exc.status_code == 405:
            sentence = f"{path} does not take this method; predictions are POST"
    return error_response(exc.status_code, sentence, exc.headers)


async def validation_error(request: Request, exc: ValidationError | RequestValidationError) -> Response:
    """400 for what does not fit the schema, 422 for what fits it and makes no sense (validators of our own)."""
    details = exc.errors()
    fits_the_schema = all(detail["type"] == "value_error" for detail in details)
    return error_response(422 if fits_the_schema else 400, validation_sentence(details))


async def client_disconnect(request: Request, exc: ClientDisconnect) -> Response:
    """Answer a client that has gone; nobody reads it."""
    return Response(status_code=400)


def validation_sentence(details: Sequence[Any]) -> str:
    """Join the first three of pydantic's error details: `field: message`.

    >>> validation_sentence([{"loc": ("body", "time_s"), "msg": "Field required"}])
    'time_s: Field required'
    """
    return "; ".join(map(_detail, details[:3]))


def _detail(detail: Any) -> str:
    loc = list(detail.get("loc", ()))
    name = ".".join(map(str, loc[1:] if loc[:1] == ["body"] else loc))
    message = str(detail.get("msg")).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
