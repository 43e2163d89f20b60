"""Clips and pictures that a visitor may try without having any: the files of one folder, POSEMILL_GALLERY."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, RootModel
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.serving.routes import documented

ENV = "POSEMILL_GALLERY"
VIDEOS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"}
IMAGES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
MOST = 60  # entries; a gallery is to choose from, not an archive
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


class GalleryEntry(BaseModel):
    """Something to try. `url` is relative to the service's root."""

    name: str
    url: str
    kind: Literal["video", "image"]


class Gallery(RootModel[list[GalleryEntry]]):
    """Everything there is to try, in the order of names."""


def routes() -> list[BaseRoute]:
    """GET /gallery, and every file of it with Range support."""
    return [
        Route("/gallery", shown, methods=["GET"]),
        Route("/gallery/{name}", entry, methods=["GET"]),
    ]


def entries(folder: Path | None) -> list[dict[str, str]]:
    """[{name, url, kind}] in the order of names; empty without a folder. `url` is relative to the service's root."""
    return [
        {"name": path.stem, "url": f"gallery/{quote(path.name, safe='')}", "kind": _kind(path)}
        for path in _shown(folder)
    ]


def _shown(folder: Path | None) -> list[Path]:
    """Plain files of known kinds; no hidden ones, no links, which could lead out of the folder."""
    if folder is None or not folder.is_dir():
        return []
    known = VIDEOS.keys() | IMAGES.keys()
    found = (path for path in folder.iterdir() if path.suffix.lower() in known and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())[:MOST]


def _kind(path: Path) -> str:
    return "video" if path.suffix.lower() in VIDEOS else "image"


def _folder() -> Path | None:
    said = os.environ.get(ENV, "")
    return Path(said) if said else None


@documented(answers=Gallery)
async def shown(request: Request) -> Response:
    """Clips and pictures to try; empty without a folder of them."""
    return JSONResponse(entries(_folder()))


@documented(answers="application/octet-stream", refusals=[404], parameters=[_NAME])
async def entry(request: Request) -> Response:
    """One of them; browsers seek in a video by asking for ranges of it."""
    name = request.path_params["name"]
    path = next((path for path in _shown(_folder()) if path.name == name), None)
    if path is None:
        return JSONResponse({"error": f"the gallery has no {name!r}"}, 404)
    return FileResponse(path, media_type=(VIDEOS | IMAGES)[path.suffix.lower()], headers=_HEADERS)
