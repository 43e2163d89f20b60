"""How requests are read: JSON without NaN, and uploads that are files, never addresses to fetch."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import bentoml
from bentoml.exceptions import InvalidArgument
from pydantic import Field
from pydantic_core import from_json

from posemill.serving.schema import TrackRequest

if TYPE_CHECKING:
    from starlette.requests import Request


class _StrictJson(bentoml.IODescriptor):
    """JSON has no NaN and no Infinity; Python's json writes them, and a client that does so is told."""

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Self:
        """Parse the body. Errors: 400 for JSON that is none, ValidationError for missing or unknown fields."""
        return cls.model_validate(json_of(await request.body()))


def json_of(body: bytes) -> Any:
    """The content of a JSON body. InvalidArgument (400) where it is none."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as exc:
        says = f"the body is not JSON ({exc}); a keypoint that was not seen is null, not NaN"
        raise InvalidArgument(says) from exc


class TrackInput(_StrictJson, TrackRequest):
    """Body of /predict_track."""


class VideoInput(bentoml.IODescriptor):
    """Form of /analyse_video. BentoML would fetch an address given in place of a file; here only files count."""

    video: Path = Field(description="the video file")
    tracks: bool = Field(False, description="also answer with every person's keypoints")

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Self:
        """Store the upload in a folder of its own, which the endpoint removes."""
        from anyio.to_thread import run_sync
        from starlette.datastructures import UploadFile
        from starlette.exceptions import HTTPException
        from starlette.formparsers import MultiPartException

        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise InvalidArgument("send a form (multipart/form-data) with the file in the field `video`")
        try:
            form = await request.form(max_files=1, max_fields=8)
        except (HTTPException, MultiPartException, KeyError, ValueError) as exc:
            raise InvalidArgument("the form cannot be read: it is cut off, or its boundary is missing") from exc
        upload = form.get("video")
        if not isinstance(upload, UploadFile):
            raise InvalidArgument("the form has no file in its field `video`")
        tracks = str(form.get("tracks", "false")).lower() in ("1", "true", "yes", "on")
        return cls(video=await run_sync(_store, upload), tracks=tracks)


def _store(upload: Any) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="posemill-upload-"))
    try:
        path = folder / (Path(upload.filename or "video").name or "video")
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file, 2**20)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path
