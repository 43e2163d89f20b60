"""Activity of repetitions: each is named by a trained activity model, and counted by activity segment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.applications.protocol import TrackedPose
from posemill.applications.recent_poses import RecentPoses
from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    from posemill.prediction.classifier import WindowClassifier

LONGEST_S = 10.0  # of a repetition
LATEST_S = 4.0  # after a repetition's end and the lookahead, that it is reported
EVERY_S = 0.5  # between the windows that name a repetition
CHANGES = 2  # repetitions in a row of another activity begin another segment; a single one may be named wrongly


@dataclass(frozen=True, slots=True)
class ActivitySegment:
    """Successive repetitions of one activity.

    activity  name after the model; None = it abstained.
    start_s, end_s  from the start of the first repetition to the end of the last, seconds from the first frame.
    """

    activity: str | None
    start_s: float
    end_s: float
    repetitions: int = 1

    def with_next(self, end_s: float, repetitions: int = 1) -> ActivitySegment:
        """Return the segment with the next repetitions."""
        return replace(self, end_s=end_s, repetitions=self.repetitions + repetitions)


class ActivitySegments:
    """Streaming segmentation of repetitions by activity. A single repetition of another name does not end a segment."""

    def __init__(self) -> None:
        self._segment: ActivitySegment | None = None
        self._other: ActivitySegment | None = None  # repetitions of another name since, too few to be sure

    def add(self, activity: str | None, start_s: float, end_s: float) -> ActivitySegment | None:
        """Add a repetition and return the segment that it ends."""
        if self._segment is None:
            self._segment = ActivitySegment(activity, start_s, end_s)
        elif activity == self._segment.activity:
            self._segment = self._segment.with_next(end_s, 1 + (self._other.repetitions if self._other else 0))
            self._other = None
        elif self._other is not None and self._other.activity == activity:
            self._other = self._other.with_next(end_s)
        else:
            self._settle()
            self._other = ActivitySegment(activity, start_s, end_s)
        if self._other is None or self._other.repetitions < CHANGES:
            return None
        ended, self._segment, self._other = self._segment, self._other, None
        return ended

    def finish(self) -> ActivitySegment | None:
        """End the stream or the set and return the segment that was open."""
        self._settle()
        ended, self._segment = self._segment, None
        return ended

    def _settle(self) -> None:
        """Count single repetitions of other names to the segment."""
        if self._segment is not None and self._other is not None:
            self._segment = self._segment.with_next(self._other.end_s, self._other.repetitions)
        self._other = None


class RepetitionActivity:
    """The newest poses of one person, and the activity of a repetition after a packaged activity model.

    Args:
        model: packaged activity model.
        skeleton: of the poses.
        lookahead_s: that a moment has before it is decided, see RepetitionParams.
    """

    def __init__(self, model: WindowClassifier, skeleton: Skeleton, lookahead_s: float) -> None:
        self._model = model
        self._half_s = model.features.window.duration_s / 2
        self._poses = RecentPoses(skeleton, LONGEST_S + lookahead_s + LATEST_S + self._half_s)
        self.segments = ActivitySegments()

    def add(self, time_s: float, pose: TrackedPose) -> None:
        """Keep a pose."""
        self._poses.add(time_s, pose)

    def of(self, start_s: float, end_s: float) -> tuple[str | None, float | None]:
        """Return the activity between two times and its probability.

        None where the model abstains; no probability where too little was seen for a window.
        """
        track = self._poses.track(start_s - self._half_s, end_s + self._half_s)
        if track is None:
            return None, None
        windows, _ = self._model.features.windows_at(track, self._spans(start_s, end_s))
        if not len(windows):
            return None, None
        mean = self._model.probabilities(windows).mean(0)
        best = int(mean.argmax())
        sure = not self._model.abstained(mean[None])[0]
        return (self._model.classes[best] if sure else None), float(mean[best])

    def _spans(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """Spans (N, 2) in seconds of the windows whose middle is in the repetition; of models of clips, itself."""
        if self._model.features.window.sampling == "clip":
            return np.array([[start_s, end_s]])
        middles = np.arange(start_s, end_s + 1e-6, EVERY_S) + ((end_s - start_s) % EVERY_S) / 2
        return np.stack([middles - self._half_s, middles + self._half_s], 1)
