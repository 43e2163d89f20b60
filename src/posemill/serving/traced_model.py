"""An activity model whose steps are the spans `window` and `model`. In use only where traces are exported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import PoseTrack
from posemill.prediction.classifier import WindowProbabilities
from posemill.prediction.model import ActivityModel
from posemill.telemetry import trace


class TracedModel(ActivityModel):
    """See ActivityModel."""

    __slots__ = ()

    def window_probabilities(
        self,
        track: PoseTrack,
        start_s: float | None = None,
        end_s: float | None = None,
        others: Sequence[PoseTrack] = (),
    ) -> WindowProbabilities:
        """As ActivityModel.window_probabilities."""
        with trace.span("window", poses=len(track)) as span:
            windows, spans = self.features.windows(track, start_s, end_s, others)
            span.set(windows=len(windows))
        return WindowProbabilities(spans, windows, self.probabilities(windows))

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """As ActivityModel.probabilities. Batches of several requests run in threads without a trace."""
        with trace.span("model", windows=len(windows)):
            return super().probabilities(windows)
