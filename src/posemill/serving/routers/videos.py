"""POST /analyse_video: everybody in a video, at once or as a job."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from posemill.serving.context import current_service
from posemill.serving.jobs import ANSWER
from posemill.serving.routers.uploads import UploadedVideo, VideoForm, described
from posemill.serving.schemas.activity import VideoAnswer
from posemill.serving.schemas.analysis import JobTaken

router = APIRouter(tags=["answers"])


@router.post(
    "/analyse_video",
    response_model=VideoAnswer,
    responses={202: {"model": JobTaken, "description": "A job; ask at `status`."}},
    openapi_extra=described(VideoForm),
    operation_id="analyse_video",
)
async def analyse_video(upload: UploadedVideo) -> Response:
    """People of a video, their activities over time, and the verdict over the main subject.

    A short video is answered at once. A longer one, or `job=true`, becomes a job: 202 and where to ask for it.
    """
    service, job = current_service(), upload.reserved
    await run_sync(service.videos.begin, service.jobs, upload)
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
