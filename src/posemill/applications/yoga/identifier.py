"""Yoga identifier: which pose is held, on which side, and for how long, of everybody in view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Event,
    Output,
    Severity,
    StreamFacts,
    TrackedFrame,
    TrackedPose,
)
from posemill.applications.yoga.hold_timer import NOTHING, Hold, HoldTimer, Recognised
from posemill.applications.yoga.pose_model import load_pose_model, probabilities
from posemill.applications.yoga.pose_window import PoseWindow
from posemill.applications.yoga.side import side_of
from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import conversion_index
from posemill.prediction.classifier import WindowClassifier

if TYPE_CHECKING:
    from posemill.applications.yoga.params import YogaParams

FORGET_S = 5.0  # a person who is away for longer comes back as somebody new
OTHER_SIDE = {"left": "right", "right": "left", None: None}


@dataclass(slots=True)
class _Person:
    """One person: the last poses, the hold timer, what is recognised now."""

    window: PoseWindow
    timer: HoldTimer
    last_s: float
    seen: Recognised = NOTHING


class YogaIdentifier(Application["YogaParams"]):
    """Name held poses and time them.

    Events: `pose_entered` once a pose has been held for min_hold_s, `pose_held` when the hold ends (details: pose,
    side, hold_s, probability), and `pose_seen` for a picture, which has no time. Poses that the model does not know
    give none.

    Examples:
        >>> YogaIdentifier(min_hold_s=3.0).params.min_hold_s
        3.0
    """

    name = "yoga"
    title = "Yoga identifier"
    limits = (
        "Only the poses that its model was trained on are named; others should be abstained from, and some are taken "
        "for a similar one.",
        "Left and right are the pose estimator's: seen from behind or from the side it may exchange them.",
        "A pose is judged by where keypoints are in the picture: from unusual camera heights it is not known, and "
        "whether it is done well is not judged.",
        "Poses in which limbs hide each other (folded, lying, twisted) depend on an estimator that finds them.",
    )

    model: WindowClassifier

    @classmethod
    def params_model(cls) -> type[YogaParams]:
        """See Application."""
        from posemill.applications.yoga.params import YogaParams

        return YogaParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream: load the model. Errors: InputError where the skeleton lacks keypoints of the model."""
        self.model = load_pose_model(None if self.params.model is None else Path(self.params.model), self.open_model)
        try:
            self._index = conversion_index(stream.skeleton, self.model.features.skeleton)
        except SkeletonError as exc:
            raise InputError(f"yoga identifier: {exc}") from exc
        self._people: dict[int, _Person] = {}
        self._held: dict[str, float] = {}
        self._longest: Hold | None = None
        self._frames, self._time_s, self._ended = 0, 0.0, 0

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame; returns poses that became holds, and holds that ended."""
        self._frames, self._time_s = self._frames + 1, frame.time_s
        outputs: list[Output] = []
        for number, pose in frame.people.items():
            person = self._people.get(number) or self._new(number, frame.time_s)
            person.window.add(frame.time_s, self._converted(pose))
            person.last_s, person.seen = frame.time_s, self._recognise(person)
        for number, person in list(self._people.items()):
            outputs += self._time(number, person)
            if frame.time_s - person.last_s > FORGET_S:
                del self._people[number]
        return outputs

    def finish(self) -> Sequence[Output]:
        """End the stream: what is still held, or, of a single picture, the pose in it."""
        outputs: list[Output] = []
        for number, person in self._people.items():
            if self._frames == 1 and person.seen.enters:
                outputs.append(self._seen_event(number, person.seen))
            outputs += [self._held_event(number, hold) for hold in person.timer.finish()]
        return outputs

    def annotations(self) -> Sequence[Annotation]:
        """Return everybody's pose and how long it has been held."""
        return [Annotation(number, self._text(person)) for number, person in sorted(self._people.items())]

    def summary(self) -> dict[str, Detail]:
        """Return the number of holds, the pose of the longest one, and seconds held by pose; open ones count too."""
        open_holds = [p.timer.current for p in self._people.values() if p.timer.current and p.timer.current.told]
        longest = max([*([self._longest] if self._longest else []), *open_holds], key=lambda h: h.hold_s, default=None)
        seconds = dict(self._held)
        for hold in open_holds:
            seconds[hold.name] = seconds.get(hold.name, 0.0) + hold.hold_s
        return {
            "holds": self._ended + len(open_holds),
            "longest_pose": longest.name if longest else None,
            "longest_hold_s": round(longest.hold_s, 2) if longest else 0.0,
            **{f"{name}_held_s": round(s, 2) for name, s in sorted(seconds.items())},
        }

    def recognised(self, person: int) -> Recognised:
        """Return what is recognised of a person after the newest frame."""
        return self._people[person].seen if person in self._people else NOTHING

    def _new(self, number: int, time_s: float) -> _Person:
        timer = HoldTimer(self.params.min_hold_s, self.params.release_s)
        self._people[number] = _Person(PoseWindow(self.params.window_s), timer, time_s)
        return self._people[number]

    def _converted(self, pose: TrackedPose) -> NDArray[np.float32]:
        """(K, 3) of the model's skeleton."""
        return np.concatenate([pose.xy, pose.confidence[:, None]], -1)[self._index].astype(np.float32)

    def _recognise(self, person: _Person) -> Recognised:
        params, pose = self.params, person.window.median()
        if (~np.isnan(pose[:, 0])).mean() < params.min_keypoints_share:
            return NOTHING
        found = probabilities(self.model, pose)
        top = int(found.argmax())
        name, probability = self.model.classes[top], float(found[top])
        if name in params.background or bool(self.model.abstained(found[None])[0]):
            return NOTHING
        speed = person.window.speed()
        side = side_of(pose[:, :2], self.model.features.skeleton, name)
        return Recognised(
            name,
            OTHER_SIDE[side] if params.mirrored else side,
            enters=probability >= params.enter_probability and speed <= params.still_body_lengths_per_s,
            keeps=probability >= params.keep_probability and speed <= 2 * params.still_body_lengths_per_s,
            probability=probability,
        )

    def _time(self, number: int, person: _Person) -> list[Output]:
        here = person.last_s == self._time_s
        before = person.timer.current is not None and person.timer.current.told
        ended = person.timer.update(self._time_s, person.seen if here else NOTHING)
        outputs: list[Output] = [self._held_event(number, hold) for hold in ended]
        hold = person.timer.current
        if hold is not None and hold.told and (ended or not before):
            outputs.append(self._event("pose_entered", number, hold, None, f"{_title(hold)} is held"))
        return outputs

    def _held_event(self, number: int, hold: Hold) -> Event:
        self._held[hold.name] = self._held.get(hold.name, 0.0) + hold.hold_s
        self._ended += 1
        if self._longest is None or hold.hold_s > self._longest.hold_s:
            self._longest = hold
        return self._event("pose_held", number, hold, hold.last_s, f"{_title(hold)} was held for {hold.hold_s:.1f} s")

    def _seen_event(self, number: int, seen: Recognised) -> Event:
        hold = Hold(str(seen.name), self._time_s, self._time_s, Counter([seen.side]), seen.probability)
        return self._event("pose_seen", number, hold, self._time_s, f"{_title(hold)} in a picture")

    def _event(self, kind: str, number: int, hold: Hold, end_s: float | None, message: str) -> Event:
        return Event(
            application=self.name,
            kind=kind,
            person=number,
            time_s=self._time_s,
            start_s=hold.start_s,
            end_s=end_s,
            severity=Severity.INFO,
            message=message,
            details={
                "pose": hold.name,
                "side": hold.side,
                "hold_s": round(hold.hold_s, 3),
                "probability": round(hold.probability, 3),
            },
        )

    def _text(self, person: _Person) -> str:
        hold = person.timer.current
        if hold is not None and hold.told:
            return f"{_title(hold)} {hold.hold_s:.0f} s"
        return person.seen.name.replace("_", " ") + " …" if person.seen.name else "no known pose"


def _title(hold: Hold) -> str:
    """The pose as people read it, with its side."""
    name = hold.name.replace("_", " ")
    return f"{name} ({hold.side})" if hold.side else name
