"""Applications on uploaded videos: pose estimation, online tracking, the application, and its overlay."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posemill.applications.draw import overlay_writer
from posemill.applications.live import estimator_for, open_source
from posemill.applications.protocol import Application
from posemill.applications.run import Collector, steps
from posemill.estimation.estimator import PoseEstimator
from posemill.serving.jobs import ANSWER, OVERLAY, Job, Jobs
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.serving.schemas.applications import answer_with
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.upload_retention import retain
from posemill.serving.video_analysis import reserve
from posemill.serving.video_limits import VideoLimits

if TYPE_CHECKING:
    from posemill.serving.routers.uploads import VideoUpload


@dataclass(frozen=True, slots=True, eq=False)
class ApplicationVideos:
    """Steps from an upload to what an application says of it.

    Poses are those of the backend that suits the application, with the other parameters of the packaged labeller, as
    `posemill app` has them; its network is loaded with the first video.
    """

    pose_estimator: PackagedPoseEstimator
    limits: VideoLimits
    provenance: Provenance
    _others: dict[str, PoseEstimator] = field(default_factory=dict)

    def estimator_for(self, application: Application[Any]) -> PoseEstimator:
        """Return the pose estimator of an application."""
        name, packaged = application.backend, self.pose_estimator.estimator
        if name == packaged.params.backend and packaged.params.frame_stride == 1:
            return packaged
        if name not in self._others:
            self._others[name] = estimator_for(application, packaged.params)
        return self._others[name]

    def begin(self, jobs: Jobs, upload: VideoUpload, application: Application[Any]) -> Job:
        """Probe the upload and queue the work, as VideoAnalysis.begin does."""
        job = reserve(upload, self.limits, stride=1)
        jobs.start(job, lambda job: self.work(job, upload, application))
        return job

    def work(self, job: Job, upload: VideoUpload, application: Application[Any]) -> None:
        """Write the result, and for a kept job the overlay, into the job's folder; remove the upload."""
        with ExitStack() as stack:
            stack.enter_context(self.pose_estimator.lock)  # one video at a time, whatever it is for
            estimator = self.estimator_for(application)
            opened = stack.enter_context(open_source(str(upload.video), estimator, sandboxed=True))
            draw = stack.enter_context(overlay_writer(job.folder / OVERLAY, opened)) if job.kept else None
            collector = Collector(application, opened.stream)
            for step in steps(application, opened.stream, annotate=draw is not None):
                collector.add(step)
                job.posed(step.frame is not None)
                if draw is not None:
                    draw(step)
        answer = answer_with(collector.result(), self.provenance, estimator.fingerprint)
        (job.folder / ANSWER).write_text(answer.model_dump_json())
        retain(upload.video)
