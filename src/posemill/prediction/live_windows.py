"""Live prediction: the newest windows of a person, and the times at which a prediction is due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import clip_probabilities
from posemill.pose.track import PoseTrack, State
from posemill.prediction.classifier import WindowClassifier

MOST_POSES = 4096  # that are remembered; a window of 4 s at 1000 poses a second
Observe = Callable[[str, NDArray[np.float32], NDArray[np.float32]], Any]


@dataclass(frozen=True, slots=True, eq=False)
class LivePredictor:
    """Predicts the current activity from the windows that end now, of every length that was seen."""

    predictor: WindowClassifier
    observe: Observe | None = None

    @property
    def features(self) -> FeaturePipeline:
        """Feature pipeline of the model."""
        return self.predictor.features

    @property
    def shortest_s(self) -> float:
        """Time that has to be seen before the first prediction."""
        return self.features.window.duration_s * min(self.features.window.scales)

    @property
    def longest_s(self) -> float:
        """Poses that lie further back play no part."""
        return self.features.window.duration_s * max(self.features.window.scales)

    @property
    def stride_s(self) -> float:
        """Time from one prediction to the next."""
        return self.features.window.stride_s * min(self.features.window.scales)

    def __call__(self, track: PoseTrack | None, time_s: float, began_s: float) -> dict[str, Any]:
        """Predict at `time_s` for a person seen since `began_s`; `activity` is null for nobody."""
        windows = self._windows(track, time_s, began_s)
        if not len(windows):
            return _prediction(time_s, None, None, {}, True)
        probabilities = self.predictor.probabilities(windows)
        if self.observe is not None:
            self.observe("/live", windows, probabilities)
        joined, classes = clip_probabilities(probabilities), self.predictor.classes
        best = int(joined.argmax())
        abstained = bool(self.predictor.abstained(joined[None])[0])
        named = {name: float(p) for name, p in zip(classes, joined, strict=True)}
        return _prediction(time_s, classes[best], float(joined[best]), named, abstained)

    def _windows(self, track: PoseTrack | None, time_s: float, began_s: float) -> NDArray[np.float32]:
        spec, features = self.features.window, self.features
        lengths = [scale * spec.duration_s for scale in sorted(spec.scales)]
        spans = np.array([(time_s - s, time_s) for s in lengths if s <= time_s - began_s + 1e-6]).reshape(-1, 2)
        if track is None or not len(spans):
            return np.zeros((0, *features.shape), np.float32)
        return features.windows_at(track, spans)[0]


class PredictionSchedule:
    """Schedule of predictions: the first once enough was seen, then one every stride."""

    def __init__(self, predictor: LivePredictor) -> None:
        self._predictor, self._next_s = predictor, -np.inf

    def __call__(self, time_s: float, began_s: float) -> bool:
        """Return True where a prediction is due now, for poses since `began_s`; the next is due a stride later."""
        if time_s - began_s < self._predictor.shortest_s - 1e-6 or time_s < self._next_s - 1e-6:
            return False
        follows_s = self._next_s + self._predictor.stride_s  # not from now: frames fall between two strides
        self._next_s = follows_s if follows_s > time_s else time_s + self._predictor.stride_s
        return True


class LivePoses:
    """One person's newest poses."""

    def __init__(self, predictor: LivePredictor) -> None:
        self._predictor, self._due = predictor, PredictionSchedule(predictor)
        self._poses: deque[tuple[float, NDArray[np.float32], NDArray[np.float32]]] = deque(maxlen=MOST_POSES)

    def take(self, pose: PoseTrack) -> dict[str, Any] | None:
        """Add a track of one pose in the model's keypoints; a prediction when one is due.

        Errors: InputError for a pose that is not later than the one before.
        """
        now_s = float(pose.time_s[0])
        if self._poses and now_s <= self._poses[-1][0]:
            raise InputError(f"time_s should increase, but {now_s:g} came after {self._poses[-1][0]:g}")
        self._poses.append((now_s, pose.xy[0], pose.confidence[0]))
        while self._poses[0][0] < now_s - self._predictor.longest_s - self._predictor.stride_s:
            self._poses.popleft()
        times = np.array([time_s for time_s, _, _ in self._poses])
        end_s = now_s + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)
        if not self._due(end_s, float(times[0])):
            return None
        return self._predictor(self._track(times), end_s, float(times[0])) | {"time_s": now_s}

    def _track(self, times: NDArray[np.float64]) -> PoseTrack:
        _, xy, confidence = zip(*self._poses, strict=True)
        n = len(times)
        return PoseTrack(
            self._predictor.features.skeleton,
            0,
            np.arange(n, dtype=np.int32),
            times,
            np.stack(xy),
            np.stack(confidence),
            np.full(n, State.PREDICTED, np.uint8),
        )


def _prediction(
    time_s: float, activity: str | None, probability: float | None, probabilities: dict[str, float], abstained: bool
) -> dict[str, Any]:
    return {
        "type": "prediction",
        "time_s": time_s,
        "activity": activity,
        "probability": probability,
        "probabilities": probabilities,
        "abstained": abstained,
    }
