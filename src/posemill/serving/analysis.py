"""Large service: videos → people → activities. It also answers all that the small one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bentoml
from anyio import CapacityLimiter

from posemill.estimation.licence import licence
from posemill.prediction.live_windows import LivePredictor
from posemill.serving import upload_retention
from posemill.serving.activity import FIRST, ROUTERS
from posemill.serving.app import create_app
from posemill.serving.application_videos import ApplicationVideos
from posemill.serving.base_service import BaseActivityService
from posemill.serving.jobs import Jobs
from posemill.serving.middleware.install import install_middleware, mounted
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.serving.routers import images, jobs, videos
from posemill.serving.video_analysis import VideoAnalysis
from posemill.serving.video_limits import VideoLimits

if TYPE_CHECKING:
    from posemill.serving.live_stream import LiveFrames

NAME = "posemill_analysis"
BODY_LIMIT = 512 * 2**20  # bytes of a video


# four threads: keypoints are answered while a video is posed (one at a time, see Jobs)
@bentoml.service(name=NAME, threads=4, workers=1, traffic={"timeout": 900})
@bentoml.asgi_app(mounted(create_app(NAME, [*ROUTERS, videos.router, images.router, jobs.router], FIRST)), path="/")
class AnalysisService(BaseActivityService):
    """Videos → people → activities."""

    close_logs = bentoml.on_shutdown(BaseActivityService.close_logs)

    def __init__(self) -> None:
        super().__init__()
        self.limits = VideoLimits.from_env()
        self.pose_estimator = PackagedPoseEstimator.load(self.folder)
        self.pose_estimator.warm()
        self.licence = licence(self.pose_estimator.params.backend)
        self.videos = VideoAnalysis(self.pose_estimator, self.champion, self.limits, self.answered_by)
        self.applications = ApplicationVideos(self.pose_estimator, self.limits, self.provenance)
        self.images = CapacityLimiter(2)  # unpacked at once; each may have 200 MB
        self.jobs = Jobs(int(self.limits.jobs), self.limits.job_keep_s)
        upload_retention.start_cleanup()
        self.metrics.gauge("posemill_videos", "Videos that come, wait or are worked on.", lambda: self.jobs.under_way)

    def live_frames(self, predictor: LivePredictor) -> LiveFrames:
        """Return a tracker for the frames of one live connection, which `predictor` answers."""
        from posemill.serving.live_frames import TrackedFrames

        return TrackedFrames(self.pose_estimator, predictor)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def end_jobs(self) -> None:
        """End all jobs; no file of an upload outlives the service."""
        self.jobs.close()


install_middleware(AnalysisService, BODY_LIMIT)
