"""Activity evidence: the probability after a trained activity model that a body falls or lies on the floor."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

import numpy as np

from posemill.applications.activity_model import OpenModel, open_activity_model
from posemill.applications.protocol import TrackedPose
from posemill.applications.recent_poses import RecentPoses
from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack

EMBEDDED = "embedded"
EMBEDDED_MODEL = Path(__file__).parent / "model"
FALLEN_CLASSES = ("fall", "falling")
EVERY_S, AVERAGED = 0.2, 3  # the model runs so often for a body that comes down; so many answers are averaged


class Activity(Protocol):
    """A model that sees a body's poses: what the fall alarm needs of an activity model."""

    window_s: float

    def probability(self, track: PoseTrack, start_s: float, end_s: float) -> float | None:
        """Probability 0..1 that the person falls or has fallen between two times; None = it cannot say."""
        ...


class PackagedActivity:
    """A packaged activity model whose classes include a fall.

    Errors: CheckpointError where the package is incomplete; InputError where none of its classes is a fall.
    """

    def __init__(self, folder: Path, open_model: OpenModel = open_activity_model) -> None:
        self._model = open_model(folder)
        self._fallen = [n for n, name in enumerate(self._model.classes) if name in FALLEN_CLASSES]
        if not self._fallen:
            known = ", ".join(self._model.classes)
            raise InputError(f"{folder}: no class of {', '.join(FALLEN_CLASSES)} in the model's classes: {known}")
        self.window_s = self._model.features.window.duration_s

    def probability(self, track: PoseTrack, start_s: float, end_s: float) -> float | None:
        """Probability of the classes of a fall in one window."""
        windows, _ = self._model.features.windows_at(track, np.array([[start_s, end_s]]))
        if not len(windows):
            return None
        return float(self._model.probabilities(windows)[0, self._fallen].sum())


def load_activity(model: str | None, open_model: OpenModel = open_activity_model) -> Activity | None:
    """Load the model of the parameters: `embedded`, the folder of a package, or None for geometry alone.

    Errors: CheckpointError or InputError, see PackagedActivity.
    """
    if model is None:
        return None
    return PackagedActivity(EMBEDDED_MODEL if model == EMBEDDED else Path(model), open_model)


class ActivityEvidence:
    """The newest poses of one body, a window long, and the model's answer about them every few tenths of a second."""

    def __init__(self, activity: Activity, skeleton: Skeleton) -> None:
        self._activity = activity
        self._poses = RecentPoses(skeleton, activity.window_s)
        self._asked_s = -1e9
        self._answers: deque[float] = deque(maxlen=AVERAGED)

    def add(self, time_s: float, pose: TrackedPose) -> None:
        """Keep a pose."""
        self._poses.add(time_s, pose)

    def probability(self, time_s: float) -> float | None:
        """Return the mean of the model's newest answers, about half a second of them; None where it cannot say.

        One answer alone can be wrong for a moment, and a fall shows in several.
        """
        if time_s - self._asked_s >= EVERY_S - 1e-3 and len(self._poses) > 1:
            if time_s - self._asked_s > 2 * EVERY_S + 0.2:
                self._answers.clear()  # of an earlier descent
            self._asked_s = time_s
            if (answer := self._ask(time_s)) is not None:
                self._answers.append(answer)
        return sum(self._answers) / len(self._answers) if len(self._answers) == AVERAGED else None

    def _ask(self, time_s: float) -> float | None:
        start_s = time_s - self._activity.window_s
        track = self._poses.track(start_s, time_s)
        return None if track is None else self._activity.probability(track, start_s, time_s)
