"""The activity model under its old names; see posemill.prediction.model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import PoseTrack
from posemill.prediction.model import ActivityModel, WindowProbabilities


class ActivityPredictor(ActivityModel):
    """ActivityModel with the names that the services use."""

    __slots__ = ()

    @property
    def below(self) -> float | None:
        """The rejection threshold."""
        return self.rejection_threshold

    def judge(self, track: PoseTrack, start_s: float | None = None, end_s: float | None = None) -> WindowProbabilities:
        """Spans, windows and probabilities of a track."""
        return self.window_probabilities(track, start_s, end_s)

    def track(
        self, track: PoseTrack, start_s: float | None = None, end_s: float | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Spans and probabilities of a track."""
        spans, _, probabilities = self.window_probabilities(track, start_s, end_s)
        return spans, probabilities
