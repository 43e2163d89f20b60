"""What BentoML's POST endpoints cannot do (GET, DELETE, WebSocket, files): Starlette routes in one mounted app.

A part of the service has `routes() -> list[BaseRoute]` in its own module; activity.py and analysis.py list them:

    @bentoml.asgi_app(routes.app([*routes.routes(), *jobs.routes()]), path="/")

An endpoint reaches the running service by `here()`, raises posemill's errors (they become one sentence with a status),
and says what it takes and answers by `@documented`, from which the OpenAPI page is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import bentoml
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.errors import InputError, PosemillError
from posemill.serving.schema import Problem, Version

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
REFERENCE = "#/components/schemas/{model}"


def app(routes: Sequence[BaseRoute]) -> Starlette:
    """The app to mount. Later routes of the same path are never reached, as in Starlette."""
    return Starlette(routes=list(routes), exception_handlers={PosemillError: _refusal, ValidationError: _misfit})


def here() -> Any:
    """The running service instance of this process."""
    return bentoml.get_current_service()


def documented(
    *,
    answers: type[BaseModel] | str | None = None,
    takes: Mapping[str, type[BaseModel] | Mapping[str, Any]] | None = None,
    status: int = 200,
    refusals: Iterable[int] = (),
    **operation: Any,
) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint with what the OpenAPI page says about it; its docstring is the description.

    answers    a pydantic model (JSON), or the media type of a file.
    takes      media type → pydantic model or JSON schema of the body.
    status     of a good answer; refusals are the statuses of {"error": sentence}.
    operation  further fields of an OpenAPI operation, such as parameters.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.openapi = {  # type: ignore[attr-defined]
            "answers": answers, "takes": dict(takes or {}), "status": status, "refusals": tuple(refusals), **operation,
        }  # fmt: skip
        return endpoint

    return mark


def routes() -> list[BaseRoute]:
    """Version and description: both services have them."""
    return [Route("/version", version, methods=["GET"]), Route("/docs.json", description, methods=["GET"])]


@documented(answers=Version)
async def version(request: Request) -> Response:
    """Which bento this is, what it was made of, under which licence, and what it answers to."""
    service = here()
    return JSONResponse(
        Version(
            posemill=service.version,
            bento=service.receipt.bento,
            receipt=service.receipt,
            licence=service.licence,
            endpoints=sorted(paths(service.bento_service, request.app)),
        ).model_dump(mode="json")
    )


async def description(request: Request) -> Response:
    """The OpenAPI document: BentoML's own, with the mounted routes. BentoML knows nothing of those."""
    service = here().bento_service
    document = service.openapi_spec.asdict()
    found = paths(service, request.app)
    models = _models(
        [*(operation for methods in found.values() for operation in methods.values()), {"answers": Problem}]
    )
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    document["components"].setdefault("schemas", {}).update(definitions.get("$defs", {}))
    for path, methods in found.items():
        for method, marks in methods.items():
            document["paths"].setdefault(path, {})[method] = _operation(marks)
    return JSONResponse(document)


def paths(service: Any, mounted: Starlette) -> dict[str, dict[str, dict[str, Any]]]:
    """Path → method → what `documented` said, of BentoML's endpoints ({}) and of the mounted routes."""
    found: dict[str, dict[str, dict[str, Any]]] = {api.route: {} for api in service.apis.values()}
    for route in mounted.routes:
        if isinstance(route, Route) and route.include_in_schema and route.path != "/docs.json":
            marks = {"description": route.endpoint.__doc__ or "", **getattr(route.endpoint, "openapi", {})}
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                found.setdefault(route.path, {})[method.lower()] = marks
    return found


def _models(operations: Iterable[Mapping[str, Any]]) -> set[type[BaseModel]]:
    named = [x for o in operations for x in (o.get("answers"), *o.get("takes", {}).values())]
    return {x for x in named if isinstance(x, type) and issubclass(x, BaseModel)}


def _operation(marks: Mapping[str, Any]) -> dict[str, Any]:
    """An operation of OpenAPI."""
    marks = dict(marks)
    answers, takes = marks.pop("answers", None), marks.pop("takes", {})
    status, refusals = marks.pop("status", 200), marks.pop("refusals", ())
    media = answers if isinstance(answers, str) else "application/json"
    good: dict[str, Any] = {"description": "The answer."}
    if answers is not None:
        good["content"] = {media: {"schema": _schema({} if isinstance(answers, str) else answers)}}
    bad = {"description": "One sentence.", "content": {"application/json": {"schema": _schema(Problem)}}}
    operation = {"tags": ["Service APIs"], "responses": {str(status): good, **{str(s): bad for s in refusals}}, **marks}
    if takes:
        operation["requestBody"] = {"content": {kind: {"schema": _schema(of)} for kind, of in takes.items()}}
    return operation


def _schema(of: Any) -> Any:
    return {"$ref": REFERENCE.format(model=of.__name__)} if isinstance(of, type) else of


def _refusal(request: Request, exc: Exception) -> Response:
    status = 422 if isinstance(exc, InputError) else 503
    return JSONResponse({"error": str(exc)}, status)


def _misfit(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ValidationError)
    return JSONResponse({"detail": exc.errors(include_context=False, include_input=False)}, 400)
