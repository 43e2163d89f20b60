"""The application `repetitions`: class-agnostic repetition counting on a stream of tracked poses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Event,
    Measurement,
    Output,
    StreamFacts,
    TrackedFrame,
    TrackedPose,
)
from posemill.applications.repetitions.activity import ActivitySegment, RepetitionActivity
from posemill.applications.repetitions.main_subject import MainSubject
from posemill.applications.repetitions.poses import Floats, Mask, standardise
from posemill.applications.repetitions.subject import Repetition, SubjectCounter
from posemill.pose.skeleton import BODY_12, conversion_index

if TYPE_CHECKING:
    from posemill.applications.repetitions.params import RepetitionParams

MAIN = -1  # key of the main subject, whoever they are
MOST_PEOPLE = 1000  # whose counts are kept; a camera may run for months

LARGEST_STEP = 0.5  # deviations, mean of the keypoints: more between a lost track and the next is a cut
Key = int  # of a count: a person's number, or MAIN


@dataclass(slots=True)
class _Present:
    """Somebody who is in the picture or was just now, with their newest standardised pose."""

    counter: SubjectCounter
    person: int
    seen_s: float
    pose: Floats
    seen: Mask
    activity: RepetitionActivity | None = None

    def looks_like(self, pose: Floats, seen: Mask) -> bool:
        """Return true if the pose can follow the newest one without a cut."""
        both = self.seen & seen
        return not both.any() or float(np.abs(pose - self.pose)[both].mean()) < LARGEST_STEP


class RepetitionCounter(Application["RepetitionParams"]):
    """Counts what people repeat, whatever it is, and says when each repetition started, turned and ended.

    An event of kind `repetition` is given for each, at most `lookahead_s` and a second after it ended. With an activity
    model each has its activity, and a measurement `repetitions` counts every activity segment.

    Examples:
        >>> RepetitionCounter(lookahead_s=3.0).summary()
        {'repetitions': 0, 'main_subject': None, 'main_subject_repetitions': 0, 'tempo_per_min': None}
    """

    name: ClassVar[str] = "repetitions"
    title: ClassVar[str] = "Repetition counter"
    limits: ClassVar[tuple[str, ...]] = (
        "It counts what is repeated and knows no exercise: steps in place or a rhythmic gesture may be counted.",
        "Repetitions by the left and the right side in turn count one each.",
        "Repetitions shorter than 0.5 s or longer than 10 s, and movements that hardly change the pose as the camera "
        "sees it, are missed.",
        "The range of motion is an angle in the picture: foreshortened where a limb points at the camera.",
    )

    def __init__(self, params: RepetitionParams | None = None, **settings: Any) -> None:
        super().__init__(params, **settings)
        self._reset()

    @classmethod
    def params_model(cls) -> type[RepetitionParams]:
        """See Application."""
        from posemill.applications.repetitions.params import RepetitionParams

        return RepetitionParams

    def _reset(self) -> None:
        self._main = MainSubject()
        self._present: dict[Key, _Present] = {}
        self._counts: dict[Key, int] = {}
        self._people: dict[Key, int] = {}  # newest person behind a count
        self._total, self._time_s, self._seconds = 0, 0.0, 0.0
        self._by_activity: Counter[str] = Counter()

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream.

        Errors: SkeletonError where the skeleton lacks a keypoint of body-12 or one of the activity model's;
        CheckpointError where the model's package is incomplete.
        """
        self._index, self._skeleton = conversion_index(stream.skeleton, BODY_12), stream.skeleton
        model = self.params.model
        self._model = None if model is None else self.open_model(Path(model))
        self._reset()

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame and return the repetitions that are certain since it came."""
        self._time_s = frame.time_s
        bodies = self._bodies(frame)
        outputs: list[Output] = []
        for key, (person, pose) in bodies.items():
            outputs += self._see(key, person, self._points(pose))
            if (activity := self._present[key].activity) is not None:
                activity.add(frame.time_s, pose)
        for key, present in list(self._present.items()):
            points = self._points(bodies[key][1]) if key in bodies else _NOBODY
            outputs += self._events(key, present, present.counter.update(frame.time_s, points))
            if frame.time_s - present.seen_s > self.params.away_s:
                outputs += self._left(key, present)
                del self._present[key]
        return outputs

    def finish(self) -> Sequence[Output]:
        """End the stream and return the repetitions that were not certain yet."""
        outputs: list[Output] = []
        for key, present in self._present.items():
            outputs += self._left(key, present)
        self._present = {}
        return outputs

    def annotations(self) -> Sequence[Annotation]:
        """Return the count of everybody who is counted in the newest frame."""
        return [
            Annotation(present.person, f"{self._counts.get(key, 0)} repetitions")
            for key, present in self._present.items()
            if present.seen_s == self._time_s
        ]

    def summary(self) -> dict[str, Detail]:
        """Return the total, the person with most repetitions and theirs, and the mean tempo."""
        best = max(self._counts, key=lambda key: self._counts[key], default=None)
        return {
            "repetitions": self._total,
            "main_subject": None if best is None else self._people[best],
            "main_subject_repetitions": 0 if best is None else self._counts[best],
            "tempo_per_min": round(60 * self._total / self._seconds, 1) if self._seconds > 0 else None,
            **({} if self.params.model is None else {"by_activity": self._activities()}),
        }

    def _activities(self) -> str:
        """The counts of the segments that have ended, by activity, the most frequent first."""
        return ", ".join(f"{name} {count}" for name, count in self._by_activity.most_common())

    def counts(self) -> dict[int, int]:
        """Return the repetitions by person; the main subject's are those of whoever it is now."""
        return {self._people[key]: count for key, count in self._counts.items()}

    def _left(self, key: Key, present: _Present) -> list[Output]:
        """End the set of somebody who left, or at the end of the stream."""
        outputs = self._events(key, present, present.counter.finish())
        if present.activity is not None and (segment := present.activity.segments.finish()):
            outputs.append(self._count_of(present.person, segment))
        return outputs

    def _see(self, key: Key, person: int, points: NDArray[np.float64]) -> list[Output]:
        """Note who is in the picture; a body that a cut shows from elsewhere is looked at anew."""
        outputs: list[Output] = []
        pose, seen = standardise(points)
        present = self._present.get(key)
        if present is not None and present.person != person and not present.looks_like(pose, seen):
            complete, under_way = present.counter.hand_over()
            outputs += self._events(key, present, complete)
            present.counter = self._counter(under_way)
        if present is None:
            present = self._present[key] = _Present(self._counter(), person, self._time_s, pose, seen, self._named())
        present.person, present.seen_s = person, self._time_s
        if seen.any():
            present.pose, present.seen = pose, seen
        return outputs

    def _counter(self, carried: float = 0.0) -> SubjectCounter:
        return SubjectCounter(self.params.lookahead_s, self.params.least_range_deg, carried)

    def _named(self) -> RepetitionActivity | None:
        if self._model is None:
            return None
        return RepetitionActivity(self._model, self._skeleton, self.params.lookahead_s)

    def _bodies(self, frame: TrackedFrame) -> dict[Key, tuple[int, TrackedPose]]:
        """Return whom to count and their poses."""
        if self.params.subjects == "everyone":
            return {person: (person, pose) for person, pose in frame.people.items()}
        person = self._main.choose(frame.time_s, frame.people)
        return {} if person is None else {MAIN: (person, frame.people[person])}

    def _points(self, pose: TrackedPose) -> NDArray[np.float64]:
        points = pose.xy[self._index].astype(np.float64)
        points[pose.confidence[self._index] < self.params.least_confidence] = np.nan
        return points

    def _events(self, key: Key, present: _Present, repetitions: Sequence[Repetition]) -> list[Output]:
        """The events of repetitions and, with an activity model, the counts of activity segments that they end."""
        events: list[Output] = []
        for repetition in repetitions:
            number = self._counts[key] = self._counts.pop(key, 0) + 1
            self._people[key] = present.person
            self._total += 1
            self._seconds += repetition.duration_s
            events += self._event(present, number, repetition)
        while len(self._counts) > MOST_PEOPLE:
            oldest = next(iter(self._counts))
            del self._counts[oldest], self._people[oldest]
        return events

    def _event(self, present: _Present, number: int, repetition: Repetition) -> list[Output]:
        """The event of a repetition, after the count of the activity segment that it ends."""
        joint = None if repetition.joint is None else repetition.joint.replace("_", " ")
        span = "" if repetition.range_deg is None else f", {joint} through {repetition.range_deg:.0f} degrees"
        name, details, ended = self._activity(present, repetition)
        event = Event(
            application=self.name,
            kind="repetition",
            person=present.person,
            time_s=self._time_s,
            start_s=round(repetition.start_s, 3),
            end_s=round(repetition.end_s, 3),
            message=f"Repetition {number}{name}: {repetition.duration_s:.1f} s{span}",
            details={
                "number": number,
                "turning_s": round(repetition.turning_s, 3),
                "outward_s": round(repetition.turning_s - repetition.start_s, 3),
                "return_s": round(repetition.end_s - repetition.turning_s, 3),
                "tempo_per_min": round(repetition.tempo_per_min, 1),
                "joint": repetition.joint,
                "range_deg": None if repetition.range_deg is None else round(repetition.range_deg, 1),
                **details,
            },
        )
        return [*([self._count_of(present.person, ended)] if ended else []), event]

    def _activity(
        self, present: _Present, repetition: Repetition
    ) -> tuple[str, dict[str, Detail], ActivitySegment | None]:
        """The activity of a repetition in words and as details, and the segment that it ends."""
        if present.activity is None:
            return "", {}, None
        name, probability = present.activity.of(repetition.start_s, repetition.end_s)
        ended = present.activity.segments.add(name, repetition.start_s, repetition.end_s)
        details = {"activity": name, "probability": None if probability is None else round(probability, 3)}
        return ("" if name is None else f" of {name}"), details, ended

    def _count_of(self, person: int, segment: ActivitySegment) -> Measurement:
        self._by_activity[segment.activity or "unknown"] += segment.repetitions
        return Measurement(
            application=self.name,
            name="repetitions",
            person=person,
            start_s=round(segment.start_s, 3),
            end_s=round(segment.end_s, 3),
            value=float(segment.repetitions),
            unit="count",
            details={"activity": segment.activity},
        )


_NOBODY = np.full((len(BODY_12.keypoints), 2), np.nan)
