"""What is done with an uploaded video: it is looked at, posed, judged, and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.gaps import found_only
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.serving import timeline
from posemill.serving.checks import with_nulls
from posemill.serving.job_routes import ANSWER, OVERLAY, SHEET
from posemill.serving.jobs import Job, Jobs
from posemill.serving.keeping import wait_for_judgement
from posemill.serving.poser import Poser
from posemill.serving.predictor import ActivityPredictor
from posemill.serving.schema import Person, Receipt, TrackPoints, VideoAnswer, VideoFacts
from posemill.serving.video_limits import VideoLimits

if TYPE_CHECKING:
    from posemill.serving.uploads import VideoInput


@dataclass(frozen=True, slots=True, eq=False)
class VideoWork:
    """The steps from an upload to an answer, and to the files of a job."""

    poser: Poser
    predictor: ActivityPredictor
    receipt: Receipt
    limits: VideoLimits
    observe: Callable[[str, NDArray[np.float32], NDArray[np.float32]], Any]

    def begin(self, jobs: Jobs, upload: VideoInput) -> Job:
        """Look at the upload and queue the work. Job.kept says whether it is a job or answered at once.

        Errors: UnreadableMedia, InputError for a video that is longer than this service takes, or any for a deep model.
        """
        from posemill.video.sandboxed import probe_sandboxed

        if self.predictor.features.coordinates == 3:
            raise InputError("videos give x and y, and this model reads z too: send whole tracks to /predict_track")
        job, facts = upload.opened, probe_sandboxed(upload.video)
        if facts.duration_s > self.limits.longest_video_s:
            raise InputError(
                f"{upload.video.name} lasts {facts.duration_s:.0f} s and this service takes videos of up to "
                f"{self.limits.longest_video_s:.0f} s: send a shorter piece"
            )
        job.frames = -(-facts.frames // self.poser.params.frame_stride)
        job.kept = upload.job or facts.duration_s > self.limits.short_video_s
        jobs.start(job, lambda job: self.work(job, upload))
        return job

    def work(self, job: Job, upload: VideoInput) -> None:
        """Leave the answer, and for a kept job the pictures, in the job's folder; the upload is taken from there."""
        tracks = self.poser.tracks(upload.video, job.posed)
        answer = self.answer(tracks, upload.tracks)
        (job.folder / ANSWER).write_text(answer.model_dump_json())
        if job.kept:
            from posemill.serving.overlay import draw

            stride = self.poser.params.frame_stride
            draw(upload.video, tracks, answer.people, stride, job.folder / OVERLAY, job.folder / SHEET, job.drew)
        wait_for_judgement(upload.video)

    def answer(self, tracks: MediumTracks, with_points: bool) -> VideoAnswer:
        """Everybody, what each does when, and the verdict over the person who acts."""
        from posemill.features.main_subject import main_subject

        people = [self._person(track, with_points) for track in tracks.tracks]
        acting = main_subject(tracks)
        verdict = None
        if acting is not None:  # over the whole video, as the prepare stage cuts clips
            _, probabilities = self.predictor.track(acting, 0.0, tracks.duration_s)
            verdict = timeline.verdict(probabilities, self.predictor.classes, self.predictor.below)
        return VideoAnswer(
            video=VideoFacts(
                width_px=tracks.width_px,
                height_px=tracks.height_px,
                frames=tracks.frames,
                duration_s=tracks.duration_s,
                skeleton=tracks.skeleton.name,
            ),
            verdict=verdict,
            main_subject=None if acting is None else acting.person,
            people=people,
            note=_note(people, verdict is not None),
            receipt=self.receipt,
        )

    def _person(self, track: PoseTrack, with_points: bool) -> Person:
        spans, windows, probabilities = self.predictor.judge(track)
        self.observe("/analyse_video", windows, probabilities)
        classes, below = self.predictor.classes, self.predictor.below
        return Person(
            person=track.person,
            start_s=float(track.time_s[0]),
            end_s=float(track.time_s[-1]),
            poses=len(found_only(track)),
            verdict=timeline.verdict(probabilities, classes, below),
            segments=timeline.segments(spans, probabilities, classes, below),
            windows=timeline.windows(spans, probabilities, classes, below),
            track=_points(track) if with_points else None,
        )


def _note(people: list[Person], judged: bool) -> str | None:
    if not people:
        return "nobody was found in this video"
    return None if judged else "nobody was seen long enough for one window"


def _points(track: PoseTrack) -> TrackPoints:
    track = found_only(track)  # what is sent was seen
    return TrackPoints(time_s=track.time_s.tolist(), xy=with_nulls(track.xy), confidence=track.confidence.tolist())
