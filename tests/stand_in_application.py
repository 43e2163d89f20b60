"""A stand-in for an application: says who comes, counts frames, and stresses a keypoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from posemill.applications.params import AppParams
from posemill.applications.protocol import (
    Annotation,
    Application,
    Event,
    Measurement,
    Output,
    Severity,
    StreamFacts,
    TrackedFrame,
)


class PresenceParams(AppParams):
    """Parameters of the stand-in."""

    alarm_after_s: float = Field(default=1.0, ge=0, description="seconds in view after which there is an alarm")


class Presence(Application[PresenceParams]):
    """Reports whoever comes, and an alarm after some time in view."""

    name: ClassVar[str] = "presence"
    title: ClassVar[str] = "Presence"
    limits: ClassVar[tuple[str, ...]] = ("It sees only who is tracked.",)
    notice: ClassVar[str] = "Not a medical device."

    @classmethod
    def params_model(cls) -> type[AppParams]:
        return PresenceParams

    def start(self, stream: StreamFacts) -> None:
        self.first_s: dict[int, float] = {}
        self.alarmed: set[int] = set()
        self.frames = 0
        self.newest: TrackedFrame | None = None

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        self.frames, self.newest = self.frames + 1, frame
        outputs: list[Output] = []
        for person in frame.people:
            if person not in self.first_s:
                self.first_s[person] = frame.time_s
                outputs.append(self._event("came", person, frame.time_s, Severity.INFO))
            long = frame.time_s - self.first_s[person] >= self.params.alarm_after_s
            if long and person not in self.alarmed:
                self.alarmed.add(person)
                outputs.append(self._event("stays", person, frame.time_s, Severity.ALARM))
        return outputs

    def finish(self) -> Sequence[Output]:
        end_s = self.newest.time_s if self.newest else 0.0
        return [
            Measurement(
                application=self.name,
                name="time_in_view",
                person=person,
                start_s=start,
                end_s=end_s,
                value=end_s - start,
                unit="s",
            )
            for person, start in self.first_s.items()
        ]

    def annotations(self) -> Sequence[Annotation]:
        people = self.newest.people if self.newest else {}
        return [Annotation(person, "here", keypoints=("nose",)) for person in people]

    def summary(self) -> dict[str, str | float | int | bool | None]:
        return {"frames": self.frames, "alarms": len(self.alarmed)}

    def _event(self, kind: str, person: int, time_s: float, severity: Severity) -> Event:
        return Event(
            application=self.name,
            kind=kind,
            person=person,
            time_s=time_s,
            start_s=self.first_s[person],
            severity=severity,
            message=f"person {person} {kind}",
        )
