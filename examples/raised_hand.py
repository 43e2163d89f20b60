"""An application of your own in one file: who raises a hand, and how often.

    python examples/raised_hand.py clip.mp4

The same class runs over a file, a camera or stored tracks. How it becomes a part of posemill, with command, service and
report: docs/guides/develop.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

import posemill
from posemill.applications.params import AppParams
from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.apps import Application, Event, run, stream_of_tracks

WRISTS, NOSE = ("left_wrist", "right_wrist"), "nose"


class RaisedHandParams(AppParams):
    """Parameters: names carry units, and a name that is not here is refused."""

    hold_s: float = Field(default=0.3, ge=0, description="seconds that a wrist is above the nose before it counts")


class RaisedHand(Application[RaisedHandParams]):
    """Reports whoever raises a hand above the nose, once a time."""

    name: ClassVar[str] = "raised_hand"
    title: ClassVar[str] = "Raised hands"
    limits: ClassVar[tuple[str, ...]] = ("A hand before the face is not above it.",)

    @classmethod
    def params_model(cls) -> type[AppParams]:
        """Parameters that it takes."""
        return RaisedHandParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream: forget the one before."""
        self.wrists = [stream.skeleton.index(name) for name in WRISTS]
        self.nose = stream.skeleton.index(NOSE)
        self.up_since_s: dict[int, float] = {}  # by person; who is not seen is left out, so memory is bounded
        self.reported: set[int] = set()
        self.count = 0

    def update(self, frame: TrackedFrame) -> Sequence[Event]:
        """Take the next frame, and report whose hand has been up for long enough since it came."""
        up = {person for person, pose in frame.people.items() if self.is_up(pose)}
        self.up_since_s = {person: self.up_since_s.get(person, frame.time_s) for person in up}
        self.reported &= up
        long = {p for p, since in self.up_since_s.items() if frame.time_s - since >= self.params.hold_s}
        new = sorted(long - self.reported)
        self.reported |= long
        self.count += len(new)
        return [
            Event(
                application=self.name,
                kind="raised",
                person=person,
                time_s=frame.time_s,
                start_s=self.up_since_s[person],
                message=f"person {person} raises a hand",
            )
            for person in new
        ]

    def is_up(self, pose: TrackedPose) -> bool:
        """True while a wrist is above the nose: y grows downwards, and what is not seen is NaN, which is never less."""
        return bool((pose.xy[self.wrists, 1] < pose.xy[self.nose, 1]).any())

    def summary(self) -> dict[str, str | float | int | bool | None]:
        """How often a hand was raised."""
        return {"raised": self.count}


if __name__ == "__main__":
    tracks = posemill.PoseEstimator("movenet").track(sys.argv[1])
    result = run(RaisedHand(), stream_of_tracks(tracks))
    for event in result.events:
        print(f"{event.start_s:6.2f} s  {event.message}")
    print(result.summary)
