"""Gallery: clips and pictures to try for visitors who have none; the files of one folder, POSEMILL_GALLERY."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

ENV = "POSEMILL_GALLERY"
VIDEOS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"}
IMAGES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
MOST = 60  # entries; a gallery is to choose from, not an archive
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
_ANY_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

router = APIRouter(tags=["acceptance"])


class GalleryEntry(BaseModel):
    """A clip or picture to try. `url` is relative to the service's root."""

    name: str
    url: str
    kind: Literal["video", "image"]


@router.get("/gallery")
async def entries() -> list[GalleryEntry]:
    """Clips and pictures to try, in the order of names; empty without a folder of them."""
    return [
        GalleryEntry(name=path.stem, url=f"gallery/{quote(path.name, safe='')}", kind=_kind(path))
        for path in _shown(_folder())
    ]


@router.get(
    "/gallery/{name}",
    response_class=FileResponse,
    responses={200: {"content": _ANY_FILE, "description": "The file."}, 404: {"description": "No such file."}},
)
async def entry(name: str) -> Response:
    """A clip or picture of the gallery.

    Browsers seek in a video by asking for ranges of it.
    """
    path = next((path for path in _shown(_folder()) if path.name == name), None)
    if path is None:
        raise HTTPException(404, f"the gallery has no {name!r}")
    return FileResponse(path, media_type=(VIDEOS | IMAGES)[path.suffix.lower()], headers=_HEADERS)


def _shown(folder: Path | None) -> list[Path]:
    """Return plain files of known kinds; no hidden ones, no links, which could lead out of the folder."""
    if folder is None or not folder.is_dir():
        return []
    known = VIDEOS.keys() | IMAGES.keys()
    media = (path for path in folder.iterdir() if path.suffix.lower() in known and not path.name.startswith("."))
    return sorted(path for path in media if path.is_file() and not path.is_symlink())[:MOST]


def _kind(path: Path) -> Literal["video", "image"]:
    return "video" if path.suffix.lower() in VIDEOS else "image"


def _folder() -> Path | None:
    name = os.environ.get(ENV, "")
    return Path(name) if name else None
