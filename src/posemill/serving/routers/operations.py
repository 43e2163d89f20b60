"""For operators and developers: /version, /metrics, and the OpenAPI document with its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bentoml
from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from posemill.serving.app import PROBES, paths
from posemill.serving.context import current_service
from posemill.serving.schemas.activity import Version

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
SWAGGER = Path(bentoml.__file__).parent / "_internal" / "server" / "static_content"

router = APIRouter()
STATIC = Mount("/static_content", StaticFiles(directory=SWAGGER, check_dir=False))


@router.get("/version", tags=["operation"])
async def version(request: Request) -> Version:
    """The bento that answers here: what it was made of, its licence, and its endpoints."""
    service = current_service()
    return Version(
        posemill=service.version,
        bento=service.provenance.bento,
        provenance=service.provenance,
        licence=service.licence,
        endpoints=[path for path in paths(request.app) if path not in PROBES],
    )


@router.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
async def metrics() -> Response:
    """Counts for Prometheus."""
    return Response(await run_sync(current_service().metrics_text), media_type=PROMETHEUS)


@router.get("/docs.json", include_in_schema=False)
@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """OpenAPI 3.1."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI document for people, who can try it. Scripts come from BentoML's files, not from another host."""
    return get_swagger_ui_html(
        openapi_url="./docs.json",
        title=request.app.title,
        swagger_js_url="./static_content/swagger-ui-bundle.js",
        swagger_css_url="./static_content/swagger-ui.css",
        swagger_favicon_url="./uat/mark.svg",
    )
