"""GET and DELETE of /jobs/ID and of the files that a job has made. Numbers of jobs cannot be guessed."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from posemill.serving.context import current_service
from posemill.serving.jobs import ANSWER, OVERLAY, SHEET, Job, State
from posemill.serving.schemas.activity import Problem, VideoAnswer
from posemill.serving.schemas.analysis import JobStatus

_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NO_JOB: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such job."}}
_NOT_DONE: dict[int | str, dict[str, Any]] = _NO_JOB | {409: {"model": Problem, "description": "Not done."}}

router = APIRouter(tags=["jobs"])


def job_of(job: str) -> Job:
    """Look a job up by its number in the path. Errors: HTTPException (404)."""
    known: Job | None = current_service().jobs.get(job)
    if known is None:
        raise HTTPException(404, "there is no such job: it never was, or it was kept long enough")
    return known


AnyJob = Annotated[Job, Depends(job_of)]


@router.get("/jobs/{job}", responses=_NO_JOB)
async def status(job: AnyJob, response: Response) -> JobStatus:
    """Progress of a job."""
    response.headers.update(_PRIVATE)
    return status_of(job)


@router.delete("/jobs/{job}", responses=_NO_JOB)
async def cancel(job: AnyJob, response: Response) -> JobStatus:
    """End a job.

    One that ended already is forgotten at once, with all its files.
    """
    response.headers.update(_PRIVATE)
    await run_sync(current_service().jobs.cancel, job)
    return status_of(job)


def _file(name: str, media_type: str) -> Any:
    return {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}, "description": name}


@router.get("/jobs/{job}/result", response_model=VideoAnswer, responses=_NOT_DONE)
async def result(job: AnyJob) -> Response:
    """Answer of a job that is done."""
    return _sent(job, ANSWER, "application/json")


@router.get(
    "/jobs/{job}/overlay.mp4",
    response_class=FileResponse,
    responses=_NOT_DONE | {200: _file("Overlay video; browsers seek in it by ranges.", "video/mp4")},
)
async def overlay(job: AnyJob) -> Response:
    """Overlay video of a job that is done."""
    return _sent(job, OVERLAY, "video/mp4")


@router.get(
    "/jobs/{job}/sheet.jpg",
    response_class=FileResponse,
    responses=_NOT_DONE | {200: _file("Contact sheet.", "image/jpeg")},
)
async def sheet(job: AnyJob) -> Response:
    """Contact sheet of a job that is done."""
    return _sent(job, SHEET, "image/jpeg")


def status_of(job: Job) -> JobStatus:
    """Return the status as GET /jobs/ID answers it."""
    return JobStatus(
        job=job.id,
        state=job.state.value,
        progress=job.progress,
        frames_done=job.frames_done,
        frames=job.frames,
        error=job.error,
    )


def _sent(job: Job, name: str, media_type: str) -> Response:
    if job.state is not State.DONE:
        raise HTTPException(409, _not_yet(job), _PRIVATE)
    if not (job.folder / name).is_file():
        raise HTTPException(404, "there is no such job: it never was, or it was kept long enough")
    return FileResponse(job.folder / name, headers=_PRIVATE, media_type=media_type)


def _not_yet(job: Job) -> str:
    if job.state is State.FAILED:
        return f"the job failed: {job.error}"
    return f"the job is {job.state}; there is something to get when it is done"
