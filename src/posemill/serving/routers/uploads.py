"""Uploaded files: forms (multipart/form-data) read by Starlette's bounded parser, never addresses to fetch.

Dependencies of endpoints. They read the form themselves, since FastAPI reads a body before it asks any dependency, and
a video is refused before its body is read where no more videos are taken.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, UploadFile
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as FormFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from posemill.serving.context import current_service
from posemill.serving.jobs import Job, Jobs

FORM = "multipart/form-data"
LARGEST_IMAGE = 64 * 2**20  # bytes
_BOOL = TypeAdapter(bool)
_FILE: JsonDict = {"format": "binary"}  # Swagger UI shows a file chooser for it


class VideoForm(BaseModel):
    """Form of /analyse_video."""

    video: UploadFile = Field(description="a video file", json_schema_extra=_FILE)
    tracks: bool = Field(False, description="also answer with every person's keypoints")
    job: bool = Field(False, description="work on it as a job, also when it is short: progress, overlay and sheet")


class ApplicationForm(BaseModel):
    """Form of /apps/NAME."""

    video: UploadFile = Field(description="a video file", json_schema_extra=_FILE)
    params: str = Field("", description="parameters of the application, as YAML or JSON; see GET /apps")
    job: bool = Field(False, description="work on it as a job, also when it is short: progress and overlay")


class ImageForm(BaseModel):
    """Form of /analyse_image."""

    image: UploadFile = Field(description="a JPEG, PNG or WebP file", json_schema_extra=_FILE)


def described(form: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI request body of a form that a dependency reads."""
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form.model_json_schema()}}}}


@dataclass(frozen=True, slots=True, eq=False)
class VideoUpload:
    """Video file in the folder of `reserved`, its place among the jobs; `fields` are the others of its form."""

    video: Path
    fields: Mapping[str, str]
    reserved: Job

    def flag(self, field: str) -> bool:
        """Return a field that is true or false, false where it was left out. Errors: HTTPException (400)."""
        try:
            return _BOOL.validate_python(self.fields.get(field) or False)
        except ValidationError:
            raise HTTPException(400, f"the form's field `{field}` should be true or false") from None


@dataclass(frozen=True, slots=True, eq=False)
class ImageUpload:
    """Image file, on disk where it is large; `name` for sentences. It can be read while its request is answered."""

    name: str
    file: FormFile

    def read(self) -> bytes:
        """Return the content."""
        return self.file.file.read()


async def video_upload(request: Request) -> AsyncIterator[VideoUpload]:
    """Store the upload in a job's folder; the job is forgotten where the request fails or is given up.

    Errors: Full (429) before the body is read when no more videos are taken, HTTPException (400) for what is no form
    with a file.
    """
    jobs: Jobs = current_service().jobs
    job = await run_sync(jobs.open)
    try:
        async with read_form(request) as form:
            path = await run_sync(_store, _file(form, "video"), job.folder)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        yield VideoUpload(path, fields, job)
    except BaseException:  # also when the client has gone
        jobs.forget(job)
        raise


async def image_upload(request: Request) -> AsyncIterator[ImageUpload]:
    """Yield the image of a form. Errors: HTTPException, 400 for what is no form with a file, 413 for a huge file."""
    async with read_form(request) as form:
        file = _file(form, "image")
        if (file.size or 0) > LARGEST_IMAGE:
            raise HTTPException(413, f"the picture is larger than {LARGEST_IMAGE >> 20} MiB")
        yield ImageUpload(safe_name(file.filename, "picture"), file)


UploadedVideo = Annotated[VideoUpload, Depends(video_upload)]
UploadedImage = Annotated[ImageUpload, Depends(image_upload)]


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """Parse a form of one file and a few fields; the file is spooled to disk and deleted afterwards.

    Errors: HTTPException (400).
    """
    if not request.headers.get("content-type", "").startswith(FORM):
        raise HTTPException(400, f"send a form ({FORM}) with the file in a field of it")
    try:
        form = await request.form(max_files=1, max_fields=8)
    except (HTTPException, MultiPartException, KeyError, ValueError) as exc:
        raise HTTPException(400, "the form cannot be read: it is cut off, or its boundary is missing") from exc
    try:
        yield form
    finally:
        await form.close()


def safe_name(name: str | None, default: str) -> str:
    r"""Return the last part of a file's name as its sender gave it, harmless for any file system.

    >>> safe_name("C:\\clips\\a b?.mov", "video")
    'a b_.mov'
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[^\w .()+-]", "_", last).strip(". ")[-60:] or default


def _file(form: FormData, field: str) -> FormFile:
    upload = form.get(field)
    if not isinstance(upload, FormFile):
        raise HTTPException(400, f"the form has no file in its field `{field}`")
    return upload


def _store(upload: FormFile, folder: Path) -> Path:
    """Copy the file under its own name, of which only the last part counts."""
    inner = folder / "upload"
    inner.mkdir()
    path = inner / safe_name(upload.filename, "video")
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file, 2**20)
    return path
