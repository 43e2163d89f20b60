"""Answer of a video: at once where it is short, else a job to ask for."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from starlette.responses import JSONResponse, Response

from posemill.serving.jobs import ANSWER, Job
from posemill.serving.schemas.analysis import JobTaken


async def answer_of(service: Any, job: Job) -> Response:
    """Wait for the answer of a short video, and forget its job; else answer 202 with the number of the job."""
    if not job.kept:
        await run_sync(job.answered.wait, service.limits.short_wait_s, abandon_on_cancel=True)
        job.kept = not job.answered.is_set()  # others come first: it is a job after all
    if job.kept:
        return JSONResponse(JobTaken(job=job.id, status=f"/jobs/{job.id}").model_dump(), 202)
    try:
        if job.failure is not None:
            raise job.failure
        return Response((job.folder / ANSWER).read_bytes(), media_type="application/json")
    finally:
        service.jobs.forget(job)
