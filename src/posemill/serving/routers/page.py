"""Acceptance page: a folder of static files, nothing built, nothing fetched from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from posemill.serving.routers.operations import docs

PAGE = Path(str(files("posemill.serving"))) / "page"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    # blob: is for the visitor's own file, which the browser plays before and after it is sent
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a newer service brings a newer page at once
}

router = APIRouter(include_in_schema=False)  # no endpoints for programs


@router.get("/")
async def home(request: Request) -> Response:
    """Lead people to the page; programs and /?api get the description of the endpoints."""
    if "text/html" in request.headers.get("accept", "") and not request.url.query:
        return RedirectResponse("uat", 307, HEADERS)
    return await docs(request)


@router.get("/uat")
async def index() -> Response:
    """The page."""
    return _served("index.html")


@router.get("/uat/")
async def without_slash() -> Response:
    """Links of the page are relative, so that a proxy may add a prefix."""
    return RedirectResponse("../uat", 307, HEADERS)


@router.get("/uat/skeletons.json")
async def skeletons_json() -> Response:
    """Skeletons that the page draws."""
    return JSONResponse(skeletons(), headers=HEADERS)


@router.get("/uat/{name}")
async def file(name: str) -> Response:
    """A script, style or picture of the page."""
    return _served(name)


def _served(name: str) -> Response:
    known = {path.name for path in PAGE.iterdir() if path.suffix in _MEDIA_TYPES}
    if name not in known:  # also whatever tries to leave the folder
        raise HTTPException(404, headers=HEADERS)
    return FileResponse(PAGE / name, headers=HEADERS, media_type=_MEDIA_TYPES[Path(name).suffix])


def skeletons() -> dict[str, Any]:
    """Return every known skeleton: keypoint names, edges and left/right pairs, as indices into the names."""
    from posemill.pose.skeleton import SKELETONS

    return {
        s.name: {
            "keypoints": list(s.keypoints),
            "edges": s.edge_index.tolist(),
            "left": [s.index(left) for left, _ in s.pairs],
            "right": [s.index(right) for _, right in s.pairs],
        }
        for s in SKELETONS.values()
    }
