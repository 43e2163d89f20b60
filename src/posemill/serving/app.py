"""FastAPI application of a service: routers, error responses, and the OpenAPI document.

    app = create_app("posemill_activity", [windows.router, tracks.router], [windows.ROUTE])

An endpoint reaches the running service by `context.current_service()` and raises posemill's errors. The middleware is
not part of the app: BentoML's own routes (health) are behind it too, see middleware/install.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from posemill.serving.context import current_service
from posemill.serving.error_handlers import exception_handlers
from posemill.serving.schemas.activity import Problem
from posemill.serving.schemas.examples import EXAMPLES

REFUSALS = (400, 401, 403, 408, 413, 415, 421, 422, 429, 503, 504)  # of the middleware too, before any endpoint
KEY = {"type": "http", "scheme": "bearer", "description": "Where the service wants keys; see `posemill keys`."}
PROBES = {
    "/healthz": "True if the process answers",
    "/livez": "True if the process answers",
    "/readyz": "True if predictions are answered now: the models are loaded and warm",
}


def create_app(title: str, routers: Sequence[APIRouter], first: Sequence[BaseRoute] = ()) -> FastAPI:
    """Return the app of a service.

    first  bare Starlette routes, tried before the routers: they skip FastAPI's handling of requests.
    """
    app = FastAPI(
        title=title,
        docs_url=None,  # FastAPI's page loads its scripts from another host; see routers/operations.py
        redoc_url=None,
        openapi_url=None,  # as /docs.json too, see there
        exception_handlers=exception_handlers(),
        responses={status: {"model": Problem, "description": "One sentence."} for status in REFUSALS},
    )
    app.router.routes.extend(first)
    for router in routers:
        app.include_router(router)
    app.openapi = cache(lambda: _openapi(app))  # type: ignore[method-assign]
    return app


def paths(app: FastAPI) -> list[str]:
    """Return all described paths of the app and of BentoML's probes."""
    return sorted(app.openapi()["paths"])


def _openapi(app: FastAPI) -> dict[str, Any]:
    service = current_service().bento_service
    document = get_openapi(
        title=app.title,
        version=(service.bento and service.bento.tag.version) or "not built",
        description=service.doc,
        routes=app.routes,
        servers=[{"url": "."}],
    )
    for methods in document["paths"].values():
        for operation in methods.values():  # FastAPI's own is the name of the function
            operation["summary"] = operation.get("description", "").partition("\n")[0].removesuffix(".")
    document["paths"] |= {path: {"get": _probe(summary)} for path, summary in PROBES.items()}
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["securitySchemes"] = {"key": KEY}
    document["security"] = [{"key": []}, {}]
    add_examples(document["components"]["schemas"])
    return document


def add_examples(schemas: Mapping[str, dict[str, Any]]) -> None:
    """Put the example of every answer into its schema."""
    for model, example in EXAMPLES.items():
        if model.__name__ in schemas:
            schemas[model.__name__]["example"] = example


def _probe(summary: str) -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {"summary": summary, "tags": ["operation"], "responses": {"200": {"description": "Yes.", "content": text}}}
