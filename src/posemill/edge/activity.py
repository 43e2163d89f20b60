"""Activity events: what a person does begins, is held, and ends; flicker between two predictions is no event."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posemill.edge.config import ActivityConfig
from posemill.edge.message import EdgeEvent
from posemill.estimation.types import Pose
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack, State
from posemill.prediction.live_windows import LivePoses, LivePredictor

NEXT, LEFT, ENDED = "another activity", "the person is gone", "the source ended"


@dataclass(slots=True)
class OpenActivity:
    """An activity that has begun and not ended; `id` links its events."""

    id: str
    activity: str
    start_s: float
    probability: float
    reported_s: float


class PersonActivity:
    """The activity of one person, from successive predictions."""

    def __init__(self, person: int, config: ActivityConfig) -> None:
        self.person, self._config = person, config
        self._candidate: str | None = None
        self._times = 0
        self._since_s = 0.0
        self.open: OpenActivity | None = None

    def take(self, activity: str | None, probability: float, time_s: float, middle_s: float) -> list[EdgeEvent]:
        """Take the next prediction, None where the model abstains.

        middle_s  middle of the window: where the activity is thought to begin or end.
        """
        current = self.open.activity if self.open else None
        if activity == current:
            self._times = 0
            return self._held(probability, time_s)
        if activity != self._candidate or not self._times:
            self._candidate, self._times, self._since_s = activity, 0, middle_s
        self._times += 1
        if self._times < self._config.confirm:
            return []
        self._times = 0
        events = self.end(time_s, self._since_s, NEXT)
        if activity is not None:
            start_s = max(self._since_s, 0.0)
            self.open = OpenActivity(uuid.uuid4().hex, activity, start_s, probability, time_s)
            events.append(self._event("began", self.open, time_s, f"person {self.person} began: {activity}"))
        return events

    def end(self, time_s: float, end_s: float, reason: str) -> list[EdgeEvent]:
        """End what is open."""
        if self.open is None:
            return []
        ended, self.open = self.open, None
        end_s = max(end_s, ended.start_s)
        message = f"person {self.person} ended: {ended.activity}, after {end_s - ended.start_s:.1f} s ({reason})"
        return [self._event("ended", ended, time_s, message, end_s, reason=reason)]

    def _held(self, probability: float, time_s: float) -> list[EdgeEvent]:
        if self.open is None:
            return []
        self.open.probability = probability
        if time_s - self.open.reported_s < self._config.held_s:
            return []
        self.open.reported_s = time_s
        lasts = f"person {self.person}: {self.open.activity} for {time_s - self.open.start_s:.0f} s"
        return [self._event("held", self.open, time_s, lasts)]

    def _event(
        self, kind: str, about: OpenActivity, time_s: float, message: str, end_s: float | None = None, **more: Any
    ) -> EdgeEvent:
        details = {"activity": about.activity, "activity_id": about.id, "probability": round(about.probability, 4)}
        return EdgeEvent("activity", kind, self.person, time_s, about.start_s, message, end_s, details=details | more)


class ActivityEvents:
    """Activities of everybody at a source.

    Args:
        predictor: live prediction; its skeleton may have fewer keypoints than the poses. None = nothing is predicted.
        skeleton: of the poses.
        gone_s: a person who was not found for longer is gone.
    """

    def __init__(
        self, predictor: LivePredictor | None, skeleton: Skeleton, config: ActivityConfig, gone_s: float
    ) -> None:
        self._predictor, self._skeleton, self._config, self._gone_s = predictor, skeleton, config, gone_s
        self._people: dict[int, tuple[LivePoses, PersonActivity]] = {}
        self._seen_s: dict[int, float] = {}

    @property
    def open(self) -> dict[int, OpenActivity]:
        """Person → activity that has begun."""
        return {person: known.open for person, (_, known) in self._people.items() if known.open is not None}

    def update(
        self, time_s: float, people: Mapping[int, Pose], on_prediction: Callable[[], object] | None = None
    ) -> list[EdgeEvent]:
        """Take the next frame's people by number. on_prediction: called after every prediction, for latency."""
        if self._predictor is None:
            return []
        events: list[EdgeEvent] = []
        for person, pose in people.items():
            poses, known = self._people.setdefault(
                person, (LivePoses(self._predictor), PersonActivity(person, self._config))
            )
            self._seen_s[person] = time_s
            said = poses.take(_one_pose(self._skeleton, person, time_s, pose).to(self._predictor.features.skeleton))
            if said is None:
                continue
            activity = None if said["abstained"] else said["activity"]
            middle_s = time_s - self._predictor.shortest_s / 2
            events += known.take(activity, said["probability"] or 0.0, time_s, middle_s)
            if on_prediction is not None:
                on_prediction()
        gone = [person for person, seen_s in self._seen_s.items() if time_s - seen_s > self._gone_s]
        return events + [event for person in gone for event in self._forget(person, time_s, LEFT)]

    def end_all(self, time_s: float, reason: str) -> list[EdgeEvent]:
        """End everything, as where the source ends."""
        return [event for person in list(self._people) for event in self._forget(person, time_s, reason)]

    def _forget(self, person: int, time_s: float, reason: str) -> list[EdgeEvent]:
        _, known = self._people.pop(person)
        return known.end(time_s, self._seen_s.pop(person), reason)


def _one_pose(skeleton: Skeleton, person: int, time_s: float, pose: Pose) -> PoseTrack:
    return PoseTrack(
        skeleton,
        person,
        np.zeros(1, np.int32),
        np.array([time_s]),
        pose.xy[None],
        pose.confidence[None],
        np.full(1, State.PREDICTED, np.uint8),
    )
