"""Analysis of an uploaded video: probe, pose estimation, prediction, overlay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.pose.track import MediumTracks
from posemill.serving.jobs import ANSWER, OVERLAY, SHEET, Job, Jobs
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.serving.schemas.activity import VideoAnswer
from posemill.serving.served_model import ServedModel
from posemill.serving.upload_retention import retain
from posemill.serving.video_limits import VideoLimits
from posemill.telemetry import trace

if TYPE_CHECKING:
    from posemill.serving.routers.uploads import VideoUpload


def reserve(upload: VideoUpload, limits: VideoLimits, stride: int) -> Job:
    """Probe an upload and fill in its job: the frames to come, and True in `kept` where it is not answered at once.

    Errors: UnreadableMedia, InputError for a video that is longer than this service takes.
    """
    from posemill.video.sandboxed import probe_sandboxed

    job, facts = upload.reserved, probe_sandboxed(upload.video)
    if facts.duration_s > limits.longest_video_s:
        raise InputError(
            f"{upload.video.name} lasts {facts.duration_s:.0f} s and this service takes videos of up to "
            f"{limits.longest_video_s:.0f} s: send a shorter piece"
        )
    job.frames = -(-facts.frames // stride)
    job.kept = upload.flag("job") or facts.duration_s > limits.short_video_s
    return job


@dataclass(frozen=True, slots=True, eq=False)
class VideoAnalysis:
    """Steps from an upload to an answer, and to the files of a job.

    champion     the service's own model; a challenger reads the same windows.
    answered_by  calls a function with the model that answers the client, see BaseActivityService.
    """

    pose_estimator: PackagedPoseEstimator
    champion: ServedModel
    limits: VideoLimits
    answered_by: Callable[[Callable[[ServedModel], VideoAnswer]], VideoAnswer]

    def begin(self, jobs: Jobs, upload: VideoUpload) -> Job:
        """Probe the upload and queue the work. Job.kept is True for a job, False where it is answered at once.

        Errors: UnreadableMedia, InputError for a video that is longer than this service takes, or any for a 3-D model.
        """
        if self.champion.predictor.features.coordinates == 3:
            raise InputError("videos give x and y, and this model reads z too: send whole tracks to /predict_track")
        upload.flag("tracks")  # a field that is wrong is told now
        job = reserve(upload, self.limits, self.pose_estimator.params.frame_stride)
        jobs.start(job, lambda job: self.work(job, upload))
        return job

    def work(self, job: Job, upload: VideoUpload) -> None:
        """Write the answer, and for a kept job overlay and sheet, into the job's folder; remove the upload."""
        with trace.span("video", frames=job.frames, kept=job.kept):
            tracks = self.pose_estimator.tracks(upload.video, job.posed)
            answer = self.answer(tracks, upload.flag("tracks"))
            (job.folder / ANSWER).write_text(answer.model_dump_json())
            if job.kept:
                self._draw(job, upload, tracks, answer)
        retain(upload.video)

    def _draw(self, job: Job, upload: VideoUpload, tracks: MediumTracks, answer: VideoAnswer) -> None:
        from posemill.serving.overlay import draw

        with trace.span("overlay"):
            stride = self.pose_estimator.params.frame_stride
            draw(upload.video, tracks, answer.people, stride, job.folder / OVERLAY, job.folder / SHEET, job.drew)

    def answer(self, tracks: MediumTracks, with_points: bool) -> VideoAnswer:
        """Return everybody's timeline, and the verdict over the main subject."""

        def answer_with(model: ServedModel) -> VideoAnswer:
            observe = partial(model.observe, "/analyse_video")
            prediction = model.predictor.predict(tracks, keypoints=with_points, on_windows=observe)
            return VideoAnswer(provenance=model.provenance, **dict(prediction))

        return self.answered_by(answer_with)
