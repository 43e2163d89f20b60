"""POST /analyse_video: everybody in a video, at once or as a job."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from posemill.serving.context import current_service
from posemill.serving.routers.job_answer import answer_of
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
    return await answer_of(service, job)
