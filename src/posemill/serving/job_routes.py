"""GET and DELETE of /jobs/ID and of what a job has made. Numbers of jobs cannot be guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.serving.jobs import Job, State
from posemill.serving.routes import documented, here
from posemill.serving.schema import VideoAnswer
from posemill.serving.schema_analysis import JobStatus

ANSWER, OVERLAY, SHEET = "answer.json", "overlay.mp4", "sheet.jpg"
_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ID = [{"name": "job", "in": "path", "required": True, "schema": {"type": "string"}}]


def routes() -> list[BaseRoute]:
    """For the app of the analysis service."""
    return [
        Route("/jobs/{job}", status, methods=["GET"]),
        Route("/jobs/{job}", cancel, methods=["DELETE"]),
        Route("/jobs/{job}/result", _file(ANSWER, VideoAnswer, "application/json"), methods=["GET"]),
        Route(f"/jobs/{{job}}/{OVERLAY}", _file(OVERLAY, "video/mp4"), methods=["GET"]),
        Route(f"/jobs/{{job}}/{SHEET}", _file(SHEET, "image/jpeg"), methods=["GET"]),
    ]


def status_of(job: Job) -> JobStatus:
    """As GET /jobs/ID answers."""
    return JobStatus(
        job=job.id,
        state=job.state.value,
        progress=job.progress,
        frames_done=job.frames_done,
        frames=job.frames,
        error=job.error,
    )


@documented(answers=JobStatus, refusals=[404], parameters=_ID)
async def status(request: Request) -> Response:
    """How far a job is."""
    job = here().jobs.get(request.path_params["job"])
    return _unknown() if job is None else JSONResponse(status_of(job).model_dump(), headers=_PRIVATE)


@documented(answers=JobStatus, refusals=[404], parameters=_ID)
async def cancel(request: Request) -> Response:
    """End a job. One that ended already is forgotten at once, with all its files."""
    from anyio.to_thread import run_sync

    jobs = here().jobs
    job = jobs.get(request.path_params["job"])
    if job is None:
        return _unknown()
    await run_sync(jobs.cancel, job)
    return JSONResponse(status_of(job).model_dump(), headers=_PRIVATE)


def _file(name: str, answers: Any, media: str | None = None) -> Callable[[Request], Any]:
    """An endpoint for one file of a finished job; browsers seek in a video by asking for ranges of it."""

    async def endpoint(request: Request) -> Response:
        job = here().jobs.get(request.path_params["job"])
        if job is None:
            return _unknown()
        if job.state is not State.DONE:
            return JSONResponse({"error": _not_yet(job)}, 409, headers=_PRIVATE)
        if not (job.folder / name).is_file():
            return _unknown()
        return FileResponse(job.folder / name, headers=_PRIVATE, media_type=media or answers)

    endpoint.__doc__ = f"{name} of a job that is done."
    return documented(answers=answers, refusals=[404, 409], parameters=_ID)(endpoint)


def _not_yet(job: Job) -> str:
    if job.state is State.FAILED:
        return f"the job failed: {job.error}"
    return f"the job is {job.state}; there is something to get when it is done"


def _unknown() -> Response:
    return JSONResponse({"error": "there is no such job: it never was, or it was kept long enough"}, 404)
