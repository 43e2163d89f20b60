"""Live page: poses and activities in the visitor's browser, with this service's model. Static files, nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from posemill import live_page
from posemill.prediction.classifier import CALIBRATION, CLASSES, DIGESTS, FEATURES, MODEL
from posemill.prediction.golden import FILE as GOLDEN
from posemill.serving.context import current_service

MODEL_FILES = (MODEL, FEATURES, CLASSES, CALIBRATION, DIGESTS, GOLDEN, "labeller.json")
HEADERS = {
    "Content-Security-Policy": live_page.POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a newer service brings a newer page at once
}

router = APIRouter(include_in_schema=False)  # no endpoints for programs
page_files = cache(live_page.files)


@router.get("/live-page")
async def without_slash() -> Response:
    """Links of the page are relative to its folder, so that any host may serve it."""
    return RedirectResponse("live-page/", 307, HEADERS)


@router.get("/live-page/model/{name}")
async def model_file(name: str) -> Response:
    """A file of this service's model; the page checks its digest."""
    if name not in MODEL_FILES:
        raise HTTPException(404, headers=HEADERS)
    return _served(Path(current_service().folder) / name)


@router.get("/live-page/{path:path}")
async def file(path: str) -> Response:
    """The page, or a script, network or picture of it."""
    known = page_files()
    if not known:
        raise HTTPException(404, "the live page was not built; `make web` builds it", headers=HEADERS)
    if (path or "index.html") not in known:  # also whatever tries to leave the folder
        raise HTTPException(404, headers=HEADERS)
    return _served(known[path or "index.html"])


def _served(path: Path) -> Response:
    if not path.is_file():
        raise HTTPException(404, headers=HEADERS)
    return FileResponse(path, headers=HEADERS, media_type=live_page.MEDIA_TYPES[path.suffix])
