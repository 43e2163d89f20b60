"""The large service: videos → people → activities. It also answers all that the small one does."""

from __future__ import annotations

import shutil

import bentoml

from posemill.pose.interpolate import found_only
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.serving import routes, timeline
from posemill.serving.checks import with_nulls
from posemill.serving.endpoints import ActivityEndpoints, errors_are_sentences, house_rules
from posemill.serving.inputs import VideoInput
from posemill.serving.poser import Poser
from posemill.serving.schema import Person, TrackPoints, VideoAnswer, VideoFacts

BODY_LIMIT = 512 * 2**20  # bytes of a video


# four threads: keypoints are answered while a video is posed (one at a time, see Poser)
@bentoml.service(name="posemill_analysis", threads=4, workers=1, traffic={"timeout": 900})
@bentoml.asgi_app(routes.app(routes.routes()), path="/")
class AnalysisService(ActivityEndpoints):
    """Videos → people → activities."""

    def __init__(self) -> None:
        super().__init__()
        self.poser = Poser.load(self.folder)

    @bentoml.api
    @errors_are_sentences
    def analyse_video(self, upload: VideoInput, /) -> VideoAnswer:
        """Everybody in a video, what each does when, and the verdict over the person who acts."""
        try:
            tracks = self.poser.tracks(upload.video)
        finally:
            shutil.rmtree(upload.video.parent, ignore_errors=True)
        return self._answer(tracks, upload.tracks)

    def _answer(self, tracks: MediumTracks, with_points: bool) -> VideoAnswer:
        from posemill.features.acting import acting_person

        people = [self._person(track, with_points) for track in tracks.tracks]
        acting = acting_person(tracks)
        verdict = None
        if acting is not None:  # over the whole video, as the prepare stage cuts clips
            _, probabilities = self.predictor.track(acting, 0.0, tracks.duration_s)
            verdict = timeline.verdict(probabilities, self.predictor.classes)
        return VideoAnswer(
            video=VideoFacts(
                width_px=tracks.width_px, height_px=tracks.height_px, frames=tracks.frames,
                duration_s=tracks.duration_s, skeleton=tracks.skeleton.name,
            ),
            verdict=verdict,
            acting_person=None if acting is None else acting.person,
            people=people,
            note=_note(people, verdict is not None),
            receipt=self.receipt,
        )  # fmt: skip

    def _person(self, track: PoseTrack, with_points: bool) -> Person:
        spans, probabilities = self.predictor.track(track)
        classes = self.predictor.classes
        return Person(
            person=track.person,
            start_s=float(track.time_s[0]),
            end_s=float(track.time_s[-1]),
            poses=len(found_only(track)),
            verdict=timeline.verdict(probabilities, classes),
            segments=timeline.segments(spans, probabilities, classes),
            track=_points(track) if with_points else None,
        )


def _note(people: list[Person], judged: bool) -> str | None:
    if not people:
        return "nobody was found in this video"
    return None if judged else "nobody was seen long enough for one window"


def _points(track: PoseTrack) -> TrackPoints:
    track = found_only(track)  # what is sent was seen
    return TrackPoints(time_s=track.time_s.tolist(), xy=with_nulls(track.xy), confidence=track.confidence.tolist())


house_rules(AnalysisService, BODY_LIMIT)
