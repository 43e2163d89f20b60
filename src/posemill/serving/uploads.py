"""Uploads are files in folders of their own, never addresses to fetch."""

from __future__ import annotations

import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import bentoml
from bentoml.exceptions import BentoMLException, InvalidArgument
from pydantic import Field, PrivateAttr
from starlette.datastructures import UploadFile

from posemill.serving.jobs import Full, Job
from posemill.serving.routes import here

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request

LARGEST_IMAGE = 64 * 2**20  # bytes
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
_FILE = {"type": "string", "format": "binary"}
VIDEO_FORM = {
    "type": "object",
    "required": ["video"],
    "properties": {
        "video": {**_FILE, "description": "a video file"},
        "tracks": {"type": "boolean", "description": "also answer with every person's keypoints"},
        "job": {"type": "boolean", "description": "work on it as a job, also when it is short"},
    },
}
IMAGE_FORM = {
    "type": "object",
    "required": ["image"],
    "properties": {"image": {**_FILE, "description": "a JPEG, PNG or WebP file"}},
}


class VideoInput(bentoml.IODescriptor):
    """Form of /analyse_video. BentoML would fetch an address given in place of a file; here only files count."""

    video: Path = Field(description="the video file")
    tracks: bool = Field(False, description="also answer with every person's keypoints")
    job: bool = Field(False, description="work on it as a job, also when it is short: progress, overlay and sheet")
    _job: Job | None = PrivateAttr(None)

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Self:
        """Store the upload in a job's folder. Whoever takes it over starts or forgets that job.

        Errors: 429 before the body is read when no more videos are taken, 400 for what is no form with a file.
        """
        from anyio.to_thread import run_sync

        jobs = here().jobs
        try:
            job = await run_sync(jobs.open)
        except Full as exc:
            raise BentoMLException(str(exc), error_code=HTTPStatus.TOO_MANY_REQUESTS) from exc
        try:
            form = await _form(request)
            path = await run_sync(_store, _file_of(form, "video"), job.folder)
            upload = cls(video=path, tracks=_is_set(form, "tracks"), job=_is_set(form, "job"))
        except BaseException:  # also when the request is given up
            jobs.forget(job)
            raise
        upload._job = job
        return upload

    @property
    def opened(self) -> Job:
        """The job in whose folder the upload is."""
        assert self._job is not None
        return self._job


class ImageInput(bentoml.IODescriptor):
    """Form of /analyse_image. The file stays on disk until somebody reads it."""

    name: str = Field(description="of the picture file, for sentences")
    _file: UploadFile | None = PrivateAttr(None)

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Self:
        """Take the upload. Errors: 400 for what is no form with a file, 413 for a file that no picture needs."""
        file = _file_of(await _form(request), "image")
        if (file.size or 0) > LARGEST_IMAGE:
            says = f"the picture is larger than {LARGEST_IMAGE >> 20} MiB"
            raise BentoMLException(says, error_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        upload = cls(name=safe_name(file.filename, "picture"))
        upload._file = file
        return upload

    def read(self) -> bytes:
        """The file, while its request is answered."""
        assert self._file is not None
        return self._file.file.read()


def safe_name(said: str | None, default: str) -> str:
    """The end of a file's name as its sender said it, such as any file system takes."""
    last = (said or "").replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[^\w .()+-]", "_", last).strip(". ")[-60:] or default


async def _form(request: Request) -> FormData:
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidArgument("send a form (multipart/form-data) with the file in a field of it")
    try:
        return await request.form(max_files=1, max_fields=8)
    except (HTTPException, MultiPartException, KeyError, ValueError) as exc:
        raise InvalidArgument("the form cannot be read: it is cut off, or its boundary is missing") from exc


def _file_of(form: FormData, field: str) -> UploadFile:
    upload = form.get(field)
    if not isinstance(upload, UploadFile):
        raise InvalidArgument(f"the form has no file in its field `{field}`")
    return upload


def _is_set(form: FormData, field: str) -> bool:
    said = str(form.get(field, "false")).lower()
    if said not in (*_YES, *_NO):
        raise InvalidArgument(f"the form's field `{field}` should be true or false")
    return said in _YES


def _store(upload: UploadFile, folder: Path) -> Path:
    """The file under its own name, of which only the last part counts."""
    inner = folder / "upload"
    inner.mkdir()
    path = inner / safe_name(upload.filename, "video")
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file, 2**20)
    return path
