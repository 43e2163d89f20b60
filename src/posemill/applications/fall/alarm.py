"""The fall alarm: people in, falls and what became of them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from posemill.applications.fall.activity import ActivityEvidence, load_activity
from posemill.applications.fall.evidence import Evidence, TrainedEvidence
from posemill.applications.fall.geometry import BodyGeometry, GeometryReader
from posemill.applications.fall.identity import Body, Identities
from posemill.applications.fall.person import Finding, PersonMonitor, State
from posemill.applications.fall.visibility import Visibility
from posemill.applications.fall.zones import Zones
from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Event,
    Output,
    Severity,
    StreamFacts,
    TrackedFrame,
)

if TYPE_CHECKING:
    from posemill.applications.fall.params import FallParams


class FallAlarm(Application["FallParams"]):
    """Alarm on people who fall and do not get up.

    Events: `fall` and `long_lie`, alarms; `got_up`, which clears them; `fall_suspected` (not seen after a fast descent)
    and `lying_still` (without a fall seen), warnings; `cannot_judge` and `can_judge`.
    """

    name: ClassVar[str] = "fall"
    title: ClassVar[str] = "Fall alarm"
    limits: ClassVar[tuple[str, ...]] = (
        "It sees only who the pose network finds: people in the dark, under blankets or behind furniture are missed.",
        "A fall towards or away from a camera that looks down steeply changes the picture little and may be missed.",
        "A slow slide to the floor (slower than the speed parameter) is reported only as lying still.",
        "Without bed zones a fast flop onto a low bed or sofa can look like a fall.",
        "A person who the picture cuts off, or who is smaller than the size parameter, cannot be judged; it says so.",
        "A moving camera and cuts in an edited video change heights and can raise or hide an alarm.",
    )
    backend: ClassVar[str] = "blazepose"  # several people, whoever lies turned upright
    notice: ClassVar[str] = (
        "This is no medical device: it does not replace supervision, an emergency call button or a certified alarm."
    )

    evidence: Evidence | None = None  # what weighs the geometry; None = as trained

    @classmethod
    def params_model(cls) -> type[FallParams]:
        """See Application."""
        from posemill.applications.fall.params import FallParams

        return FallParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream. Errors: InputError where the skeleton has no shoulders or hips."""
        params, size = self.params, (stream.width_px, stream.height_px)
        self._reader = GeometryReader(stream.skeleton, *size)
        self._beds, self._floor = Zones(params.bed_zones, *size), Zones(params.floor_zones, *size)
        self._exits = Zones(params.exit_zones, *size)
        self._activity, self._skeleton = load_activity(params.model, self.open_model), stream.skeleton
        self._evidence = self.evidence or TrainedEvidence.load()
        self._identities = Identities(self._new_body)
        self._counts: dict[str, int] = {}
        self._time_s = 0.0

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame and return what became known."""
        self._time_s = frame.time_s
        return list(self._events(frame))

    def finish(self) -> Sequence[Output]:
        """End the stream: an alarm that was on its way is given."""
        return [
            self._event(body, finding)
            for body in self._identities.bodies
            for finding in body.monitor.ended(self._time_s)
        ]

    def annotations(self) -> Sequence[Annotation]:
        """State of everybody seen in the newest frame."""
        return [self._annotation(body) for body in self._identities.bodies if body.last.time_s == self._time_s]

    def summary(self) -> dict[str, Detail]:
        """Number of falls, of suspected ones, of people who got up, of long lies; seconds watched."""
        counts = self._counts
        return {
            "falls": counts.get("fall", 0),
            "suspected": counts.get("fall_suspected", 0),
            "got_up": counts.get("got_up", 0),
            "long_lies": counts.get("long_lie", 0),
            "watched_s": round(self._time_s, 2),
        }

    @property
    def bodies(self) -> Sequence[Body]:
        """Everybody who is followed, seen in the newest frame or lost."""
        return self._identities.bodies

    def _events(self, frame: TrackedFrame) -> Iterator[Event]:
        for body in self._identities.assign(self._measured(frame), frame.time_s):
            monitor = body.monitor
            if body.activity is not None:
                body.activity.add(frame.time_s, frame.people[body.person])
            probability = body.activity.probability(frame.time_s) if body.activity and monitor.down else None
            yield from self._told(body, monitor.update(body.last, probability))
            yield from self._told(body, body.visibility.seen(body.last, monitor.history.length_px))
        for body in self._identities.lost(frame.time_s):
            yield from self._told(body, body.monitor.missing(frame.time_s))
            left = body.monitor.at_border or self._exits.hold(*body.last.middle)
            yield from self._told(body, body.visibility.missing(frame.time_s, body.last.time_s, left))

    def _measured(self, frame: TrackedFrame) -> dict[int, BodyGeometry]:
        least = self.params.min_keypoint_confidence
        read = {
            person: self._reader.read(frame.time_s, pose.xy, pose.confidence, least)
            for person, pose in frame.people.items()
        }
        return {person: body for person, body in read.items() if body is not None}

    def _new_body(self, number: int, person: int, geometry: BodyGeometry) -> Body:
        params = self.params
        return Body(
            number=number,
            person=person,
            last=geometry,
            monitor=PersonMonitor(params, self._beds, self._floor, self._evidence),
            visibility=Visibility(params.cannot_judge_s, params.min_body_px),
            activity=None if self._activity is None else ActivityEvidence(self._activity, self._skeleton),
        )

    def _told(self, body: Body, findings: Iterable[Finding]) -> Iterator[Event]:
        for finding in findings:
            yield self._event(body, finding)

    def _event(self, body: Body, finding: Finding) -> Event:
        self._counts[finding.kind] = self._counts.get(finding.kind, 0) + 1
        return Event(
            application=self.name,
            kind=finding.kind,
            person=body.person,
            time_s=self._time_s,
            start_s=finding.start_s,
            end_s=finding.end_s,
            severity=finding.severity,
            message=finding.message,
            details=finding.details,
        )

    def _annotation(self, body: Body) -> Annotation:
        monitor = body.monitor
        alarmed = monitor.episode is not None and monitor.episode.alarmed_s is not None
        text = "FALL" if alarmed and monitor.state is State.ON_FLOOR else str(monitor.state)
        severity = Severity.ALARM if alarmed else Severity.INFO
        return Annotation(body.person, text, severity)
