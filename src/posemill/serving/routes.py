"""What BentoML's POST endpoints cannot do (GET, DELETE, WebSocket, files): Starlette routes in one mounted app.

A part of the service has `routes() -> list[BaseRoute]` in its own module; activity.py and analysis.py list them:

    @bentoml.asgi_app(routes.app([*jobs.routes(), *routes.routes()]), path="/")

An endpoint reaches the running service by `here()`, raises posemill's errors (they become one sentence with a status),
and says what it takes and answers by `@documented`, from which the OpenAPI page is made (openapi.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar

import bentoml
from bentoml.exceptions import BentoMLException
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.errors import InputError, PosemillError
from posemill.serving.schema import Version

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Shape = type[BaseModel] | Mapping[str, Any]
OTHER = "other"


def app(routes: Sequence[BaseRoute]) -> Starlette:
    """The app to mount. Later routes of the same path are never reached, as in Starlette; / is described last."""
    from posemill.serving import openapi

    handlers: dict[Any, Any] = {
        PosemillError: _refusal,
        ValidationError: _misfit,
        BentoMLException: _bentoml,
        ClientDisconnect: _gone,
    }
    return Starlette(routes=[*routes, *openapi.home()], exception_handlers=handlers)


def here() -> Any:
    """The running service instance of this process."""
    return bentoml.get_current_service()


def documented(
    *,
    answers: type[BaseModel] | str | Mapping[str, Shape] | None = None,
    takes: Mapping[str, Shape] | None = None,
    status: int = 200,
    refusals: Iterable[int] = (),
    **operation: Any,
) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint with what the OpenAPI page says about it; its docstring is the description.

    answers    a pydantic model (JSON), the media type of a file, or media type → pydantic model or JSON schema.
    takes      media type → pydantic model or JSON schema of the body.
    status     of a good answer; refusals are the statuses of {"error": sentence}.
    operation  further fields of an OpenAPI operation, such as parameters; also={status: pydantic model} names other
               good answers.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.openapi = {  # type: ignore[attr-defined]
            "answers": answers,
            "takes": dict(takes or {}),
            "status": status,
            "refusals": tuple(refusals),
            **operation,
        }
        return endpoint

    return mark


def routes() -> list[BaseRoute]:
    """What both services have. The busiest comes first: routes are tried in this order."""
    from posemill.serving import metrics, openapi, windows

    own: list[BaseRoute] = [Route("/version", version, methods=["GET"])]
    return [*windows.routes(), *metrics.routes(), *own, *openapi.routes()]


@documented(answers=Version)
async def version(request: Request) -> Response:
    """Which bento this is, what it was made of, under which licence, and what it answers to."""
    service = here()
    known = [route.path for route in request.app.routes if isinstance(route, Route) and route.include_in_schema]
    answer = Version(
        posemill=service.version,
        bento=service.receipt.bento,
        receipt=service.receipt,
        licence=service.licence,
        endpoints=sorted({*known, *(api.route for api in service.bento_service.apis.values())}),
    )
    return JSONResponse(answer.model_dump(mode="json"))


class Endpoints:
    """Scope of an answered request → its endpoint by name (`/jobs/{job}`), so that there are only so many."""

    def __init__(self, service: Any) -> None:
        self.apis = {api.route for api in service.apis.values()} | {"/livez", "/readyz", "/healthz"}
        mounted = [route for app, *_ in service.mount_apps for route in app.routes if isinstance(route, Route)]
        self.templates = {route.endpoint: route.path for route in mounted}

    def __call__(self, scope: MutableMapping[str, Any]) -> str:
        """`other` for whatever is not one of this service's endpoints."""
        if (template := self.templates.get(scope.get("endpoint"))) is not None:
            return template
        path: str = scope["path"]
        return path if path in self.apis else OTHER


def _refusal(request: Request, exc: Exception) -> Response:
    return JSONResponse({"error": str(exc)}, 422 if isinstance(exc, InputError) else 503)


def _misfit(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ValidationError)
    faults = exc.errors(include_context=False, include_input=False)
    fits_the_schema = all(fault["type"] == "value_error" for fault in faults)
    return JSONResponse({"detail": faults}, 422 if fits_the_schema else 400)


def _bentoml(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, BentoMLException)
    return JSONResponse({"error": str(exc)}, exc.error_code.value)


def _gone(request: Request, exc: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it
