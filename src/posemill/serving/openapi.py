"""The OpenAPI document of a service, and the page that shows it.

BentoML's own document leaves out mounted routes and has schemas that validators refuse; its page loads a tracker from
another host. These have neither fault; the page uses the files that BentoML brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.serving.examples import EXAMPLES
from posemill.serving.routes import here
from posemill.serving.schema import Problem

REFERENCE = "#/components/schemas/{model}"
JSON = "application/json"
GUARDED = (401, 403, 408, 415, 429, 503, 504)  # before any endpoint, see guard/
GROUPS = {
    "jobs": "jobs",
    **dict.fromkeys(("gallery", "judgements"), "acceptance"),
    **dict.fromkeys(("healthz", "livez", "readyz", "metrics", "version"), "operation"),
}
KEY = {"type": "http", "scheme": "bearer", "description": "Where the service wants keys; see `posemill keys`."}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="icon" href="./uat/mark.svg">
<link rel="stylesheet" href="./static_content/swagger-ui.css">
<style>body {{ margin: 0 }} .topbar {{ display: none }}</style></head>
<body><div id="swagger-ui"></div>
<script src="./static_content/swagger-ui-bundle.js"></script>
<script src="./static_content/swagger-ui-standalone-preset.js"></script>
<script src="./static_content/swagger-initializer.js"></script></body></html>
"""


def routes() -> list[BaseRoute]:
    """/docs.json, and the page at /docs."""
    return [
        Route("/docs.json", description, methods=["GET"], include_in_schema=False),
        Route("/docs", page, methods=["GET"], include_in_schema=False),
    ]


def home() -> list[BaseRoute]:
    """/ where nothing else answers it."""
    return [Route("/", page, methods=["GET"], include_in_schema=False)]


async def description(request: Request) -> Response:
    """OpenAPI 3.1, as JSON."""
    return JSONResponse(_document(here().bento_service, request.app))


async def page(request: Request) -> Response:
    """The description for people, who can try it."""
    return HTMLResponse(PAGE.format(title=here().bento_service.name))


@cache
def _document(service: Any, mounted: Any) -> dict[str, Any]:
    marked = {**_of_bentoml(service), **_of_routes(mounted)}
    models = {Problem}.union(*(_models(marks) for methods in marked.values() for marks in methods.values()))
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    paths = {path: {method: _operation(path, marks) for method, marks in of.items()} for path, of in marked.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": service.name,
            "description": service.doc,
            "version": (service.bento and service.bento.tag.version) or "not built",
        },
        "servers": [{"url": "."}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": {"key": KEY}},
        "security": [{"key": []}, {}],
    }


def _of_bentoml(service: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Path → method → marks of BentoML's endpoints and probes."""
    probes = {
        "/healthz": "Whether the process answers.",
        "/livez": "Whether the process answers.",
        "/readyz": "Whether predictions are answered now: the models are loaded and warm.",
    }
    found: dict[str, dict[str, dict[str, Any]]] = {
        path: {"get": {"description": says, "answers": "text/plain"}} for path, says in probes.items()
    }
    for api in service.apis.values():
        marks = getattr(api.func, "openapi", {})
        found[api.route] = {"post": {"description": api.doc or "", "operationId": api.name, **marks}}
    return found


def _of_routes(mounted: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Path → method → marks of the mounted routes."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for route in mounted.routes:
        if isinstance(route, Route) and route.include_in_schema:
            marks = {"description": route.endpoint.__doc__ or "", **getattr(route.endpoint, "openapi", {})}
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                found.setdefault(route.path, {})[method.lower()] = marks
    return found


def _models(marks: Mapping[str, Any]) -> Iterable[type[BaseModel]]:
    also = {str(status): shape for status, shape in marks.get("also", {}).items()}
    for shapes in (_by_media(marks.get("answers")), marks.get("takes", {}), also):
        yield from (shape for shape in shapes.values() if isinstance(shape, type))


def _by_media(answers: Any) -> Mapping[str, Any]:
    if answers is None:
        return {}
    if isinstance(answers, str):
        return {answers: {"type": "string"} if answers.startswith("text/") else {}}
    return answers if isinstance(answers, Mapping) else {JSON: answers}


def _operation(path: str, marks: Mapping[str, Any]) -> dict[str, Any]:
    """An operation of OpenAPI."""
    marks = dict(marks)
    answers, takes = _by_media(marks.pop("answers", None)), marks.pop("takes", {})
    status, refusals = marks.pop("status", 200), sorted({*GUARDED, *marks.pop("refusals", ())})
    good: dict[str, Any] = {"description": "The answer."}
    if answers:
        good["content"] = _content(answers)
    bad = {"description": "One sentence.", "content": _content({JSON: Problem})}
    also = {
        str(s): {"description": "Another answer.", "content": _content({JSON: shape})}
        for s, shape in marks.pop("also", {}).items()
    }
    operation = {
        "summary": str(marks.get("description", "")).strip().partition("\n")[0].removesuffix("."),
        "tags": [GROUPS.get(path.split("/")[1], "answers")],
        "responses": {str(status): good, **also, **{str(s): bad for s in refusals}},
        **marks,
    }
    if takes:
        operation["requestBody"] = {"required": True, "content": _content(takes)}
    return operation


def _content(shapes: Mapping[str, Any]) -> dict[str, Any]:
    return {media: _shape(shape) for media, shape in shapes.items()}


def _shape(shape: Any) -> dict[str, Any]:
    if not isinstance(shape, type):
        return {"schema": shape}
    example = {"example": EXAMPLES[shape]} if shape in EXAMPLES else {}
    return {"schema": {"$ref": REFERENCE.format(model=shape.__name__)}, **example}
