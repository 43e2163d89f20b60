"""Live frames: pose estimation, tracking, and prediction for the main subject."""

from __future__ import annotations

from collections import deque
from typing import Any

from posemill.errors import InputError
from posemill.estimation.types import FramePoses
from posemill.features.main_subject import main_subject
from posemill.pose.gaps import found_only
from posemill.pose.pairs import with_partner
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.prediction.live_windows import LivePredictor, PredictionSchedule
from posemill.prediction.place import third, usual_box
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.video.sandboxed import read_picture_sandboxed

MOST_FRAMES = 1024  # that are remembered, without their pictures
PATIENCE_S = 10.0  # for unpacking a frame


class TrackedFrames:
    """See live.LiveFrames. Remembers the poses of the last few seconds, and follows people through them anew."""

    def __init__(self, pose_estimator: PackagedPoseEstimator, predictor: LivePredictor) -> None:
        self._pose_estimator, self._predictor, self._due = pose_estimator, predictor, PredictionSchedule(predictor)
        self._seen: deque[FramePoses] = deque(maxlen=MOST_FRAMES)
        self._size = (0, 0)
        self._poses = pose_estimator.live()
        self._number = 0

    def take(self, content: bytes, time_s: float) -> dict[str, Any] | None:
        """Look at one picture file; a prediction when one is due.

        Errors: UnreadableMedia, InputError for a frame that is not later than the one before.
        """
        if self._seen and time_s <= self._seen[-1].time_s:
            raise InputError(f"time_s should increase, but {time_s:g} came after {self._seen[-1].time_s:g}")
        image = read_picture_sandboxed(content, "the frame", PATIENCE_S)
        if image.shape[:2] != self._size:  # another camera, or it was turned: nobody is where they were
            self._seen.clear()
            self._poses = self._pose_estimator.live()
            self._size = image.shape[0], image.shape[1]
        self._number += 1
        self._seen.append(FramePoses(self._number, time_s, self._poses(image)))
        while self._seen[0].time_s < time_s - self._predictor.longest_s - self._predictor.stride_s:
            self._seen.popleft()
        began_s = self._seen[0].time_s
        if not self._due(time_s, began_s):
            return None
        tracks = self._tracks(began_s)
        subject = main_subject(tracks)
        answer = self._predictor(self._with_partner(subject, tracks), time_s - began_s, 0.0) | {"time_s": time_s}
        box = None if subject is None else usual_box(subject)
        return answer | {"box": box, "place": third(box, tracks.width_px)}

    def _with_partner(self, subject: PoseTrack | None, tracks: MediumTracks) -> PoseTrack | None:
        """The main subject, for a model of pairs with whoever is nearest; None for nobody."""
        if subject is None:
            return None
        if self._predictor.features.people == 2:
            subject = with_partner(subject, tracks.others(subject))
        return found_only(subject)

    def _tracks(self, began_s: float) -> MediumTracks:
        """Everybody of the last seconds; times are from the first of them."""
        recent = [FramePoses(each.frame, each.time_s - began_s, each.poses) for each in self._seen]
        height, width = self._size
        return self._pose_estimator.estimator.follow(recent, "live", (width, height))
