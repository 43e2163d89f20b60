"""The large service: videos → people → activities. It also answers all that the small one does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import bentoml

from posemill.errors import InputError, PosemillError
from posemill.estimation.licence import licence
from posemill.serving import gallery, job_routes, judgements, keeping, live, page_routes, routes
from posemill.serving.checks import with_nulls
from posemill.serving.endpoints import ActivityEndpoints, house_rules
from posemill.serving.job_routes import ANSWER
from posemill.serving.jobs import Full, Jobs
from posemill.serving.live_windows import Judge
from posemill.serving.poser import Poser
from posemill.serving.schema import VideoAnswer
from posemill.serving.schema_analysis import FoundPose, ImageAnswer, ImageFacts, JobTaken
from posemill.serving.uploads import IMAGE_FORM, VIDEO_FORM, ImageInput, VideoInput
from posemill.serving.video_limits import VideoLimits
from posemill.serving.video_work import VideoWork

if TYPE_CHECKING:
    from starlette.responses import Response

    from posemill.serving.live import LiveFrames

BODY_LIMIT = 512 * 2**20  # bytes of a video
FORM = "multipart/form-data"
LEAST_PX = 8  # of a picture's sides; nobody can be seen in less


# four threads: keypoints are answered while a video is posed (one at a time, see Jobs)
@bentoml.service(name="posemill_analysis", threads=4, workers=1, traffic={"timeout": 900})
@bentoml.asgi_app(
    routes.app(
        [
            *routes.routes(),
            *job_routes.routes(),
            *live.routes(),
            *judgements.routes(),
            *gallery.routes(),
            *page_routes.routes(),
        ]
    ),
    path="/",
)
class AnalysisService(ActivityEndpoints):
    """Videos → people → activities."""

    def __init__(self) -> None:
        from anyio import CapacityLimiter

        super().__init__()
        self.limits = VideoLimits.from_env()
        self.poser = Poser.load(self.folder)
        self.poser.warm()
        self.licence = licence(self.poser.params.backend)
        self.videos = VideoWork(self.poser, self.predictor, self.receipt, self.limits, self.observe)
        self.pictures = CapacityLimiter(2)  # unpacked at once; each may have 200 MB
        self.jobs = Jobs(int(self.limits.jobs), self.limits.job_keep_s)
        keeping.tidy_from_now_on()
        self.metrics.gauge("posemill_videos", "Videos that come, wait or are worked on.", lambda: self.jobs.under_way)

    def live_frames(self) -> LiveFrames:
        """Whoever follows the frames of one live connection."""
        from posemill.serving.live_frames import FollowedFrames

        return FollowedFrames(self.poser, Judge(self.predictor, self.observe))

    @bentoml.on_shutdown
    def end_jobs(self) -> None:
        """Nothing of an upload outlives the service."""
        self.jobs.close()

    @bentoml.api
    @routes.documented(
        takes={FORM: VIDEO_FORM}, answers=VideoAnswer, also={202: JobTaken}, refusals=(400, 413, 422, 429, 503)
    )
    async def analyse_video(self, upload: VideoInput, /) -> VideoAnswer:
        """Everybody in a video, what each does when, and the verdict over the person who acts.

        A short video is answered at once. A longer one, or `job=true`, becomes a job: 202 and where to ask for it.
        """
        try:
            return await _answered(partial(self._video, upload))
        except BaseException:  # the request is given up
            self.jobs.forget(upload.opened)
            raise

    @bentoml.api
    @routes.documented(takes={FORM: IMAGE_FORM}, answers=ImageAnswer, refusals=(400, 413, 422, 503))
    async def analyse_image(self, upload: ImageInput, /) -> ImageAnswer:
        """The poses of everybody in a picture."""
        return await _answered(partial(self._image, upload))

    async def _video(self, upload: VideoInput) -> Response:
        from anyio.to_thread import run_sync
        from starlette.responses import JSONResponse, Response

        job = upload.opened
        try:
            await run_sync(self.videos.begin, self.jobs, upload)
        except PosemillError:
            self.jobs.forget(job)
            raise
        if not job.kept:
            await run_sync(job.answered.wait, self.limits.short_wait_s, abandon_on_cancel=True)
            job.kept = not job.answered.is_set()  # others come first: it is a job after all
        if job.kept:
            return JSONResponse(JobTaken(job=job.id, status=f"/jobs/{job.id}").model_dump(), 202)
        try:
            if job.failure is not None:
                raise job.failure
            return Response((job.folder / ANSWER).read_bytes(), media_type="application/json")
        finally:
            self.jobs.forget(job)

    async def _image(self, upload: ImageInput) -> ImageAnswer:
        from anyio.to_thread import run_sync

        return await run_sync(self._poses, upload, limiter=self.pictures)

    def _poses(self, upload: ImageInput) -> ImageAnswer:
        from posemill.video.sandboxed import read_picture_sandboxed

        image = read_picture_sandboxed(upload.read(), upload.name)
        height, width, _ = image.shape
        if min(height, width) < LEAST_PX:
            raise InputError(f"{upload.name} has {width}x{height} pixels: {LEAST_PX} a side are the least")
        found = [
            FoundPose(xy=with_nulls(p.xy), confidence=p.confidence.tolist(), score=p.person_confidence)
            for p in self.poser.poses(image)
        ]
        facts = ImageFacts(width_px=width, height_px=height, skeleton=self.poser.backend.skeleton.name)
        return ImageAnswer(image=facts, poses=found, receipt=self.receipt)


async def _answered(answer: Callable[[], Awaitable[Any]]) -> Any:
    """The answer, or the sentence of an error."""
    from starlette.responses import JSONResponse

    try:
        return await answer()
    except PosemillError as exc:
        status = 422 if isinstance(exc, InputError) else 429 if isinstance(exc, Full) else 503
        return JSONResponse({"error": str(exc)}, status)


house_rules(AnalysisService, BODY_LIMIT)
