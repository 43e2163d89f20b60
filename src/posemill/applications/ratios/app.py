"""Body ratios as an application: proportions of segments while frames come, and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from posemill.applications.mocap.points import body_points
from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Measurement,
    Output,
    StreamFacts,
    TrackedFrame,
)
from posemill.applications.ratios.estimate import Estimate, Value, estimate
from posemill.applications.ratios.params import RatiosParams
from posemill.applications.ratios.sketch import Sketch

FORGOTTEN_S = 60.0
MOST_PEOPLE = 50


class BodyRatios(Application[RatiosParams]):
    """Ratios of a person's segments, each with a 95 % interval; lengths only where a scale is known.

    Measurements, every `report_every_s` and at the end: `upper_arm_to_forearm`, `thigh_to_shank`, `trunk_to_leg`,
    `shoulder_to_hip_width` (unit ratio), `<segment>_left_to_right` (ratio), and with `height_m` or `px_per_m`
    `<segment>_length` (m). What the views do not show has no value, and a reason.

    Examples:
        >>> from posemill.applications.ratios.app import BodyRatios
        >>> BodyRatios(height_m=1.8).params.height_m
        1.8
    """

    name: ClassVar[str] = "ratios"
    title: ClassVar[str] = "Body ratios"
    limits: ClassVar[tuple[str, ...]] = (
        "Ratios are those of the network's keypoints: where it places hips higher than the joint, thighs are longer.",
        "Without a known height or a marker there are no lengths: ratios do not tell how tall a person is.",
        "A limb that points out of the picture the same way in all frames looks short, and is left out if that shows.",
        "Loose clothes hide hips and shoulders, and intervals do not know it.",
        "The person's size in the picture should stay about the same, or change slowly.",
    )
    notice: ClassVar[str] = "Estimates from video, for no medical and no identification purpose."
    backend: ClassVar[str] = "blazepose"  # gives depth

    @classmethod
    def params_model(cls) -> type[RatiosParams]:
        """See Application."""
        return RatiosParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream. Errors: InputError where the skeleton has no shoulders or hips."""
        body_points(np.zeros((len(stream.skeleton), 2)), stream.skeleton)
        self._stream = stream
        self._people: dict[int, Sketch] = {}
        self._known: dict[int, Estimate] = {}
        self._reported_s = -np.inf
        self._now: tuple[int, ...] = ()

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame; returns the measurements of everybody in view when they are due."""
        self._now = tuple(frame.people)
        for person, pose in frame.people.items():
            keypoints = pose.xy if pose.z is None else np.concatenate([pose.xy, pose.z[:, None]], -1)
            sure = pose.confidence >= self.params.min_confidence
            points = body_points(np.where(sure[:, None], keypoints, np.nan), self._stream.skeleton)
            self._people.setdefault(person, Sketch()).add(frame.time_s, points)
        gone = [p for p, sketch in self._people.items() if frame.time_s - sketch.last_s > FORGOTTEN_S]
        outputs = [output for person in gone for output in self._report(person, self._people.pop(person))]
        if self._reported_s == -np.inf:
            self._reported_s = frame.time_s
        if frame.time_s - self._reported_s >= self.params.report_every_s:
            self._reported_s = frame.time_s
            outputs += [o for person in frame.people for o in self._report(person, self._people[person])]
        return outputs

    def finish(self) -> Sequence[Output]:
        """Return the measurements of everybody."""
        return [output for person, sketch in self._people.items() for output in self._report(person, sketch)]

    def annotations(self) -> Sequence[Annotation]:
        """Return the newest ratios of everybody in view."""
        notes = []
        for person in self._now:
            known = self._known[person].ratios if person in self._known else {}
            text = ", ".join(f"{n.replace('_', ' ')} {v.value:.2f}" for n, v in known.items() if v.value is not None)
            notes.append(Annotation(person, text or "measuring"))
        return notes

    def summary(self) -> dict[str, Detail]:
        """Return the ratios of the first person, with their intervals, and how many people were measured."""
        out: dict[str, Detail] = {"people": len(self._known)}
        for person in sorted(self._known)[:1]:
            for name, value in self._known[person].ratios.items():
                out[name] = None if value.value is None else round(value.value, 3)
                if value.low is not None and value.high is not None:
                    out |= {f"{name}_low": round(value.low, 3), f"{name}_high": round(value.high, 3)}
        return out

    def _report(self, person: int, sketch: Sketch) -> list[Measurement]:
        found = estimate(sketch, self.params, self._stream.width_px, self._stream.height_px)
        if person in self._known or len(self._known) < MOST_PEOPLE:  # for the summary and the overlay
            self._known[person] = found
        asymmetries = {f"{name}_left_to_right": value for name, value in found.asymmetries.items()}
        lengths = {f"{name}_length": value for name, value in found.lengths_m.items()}
        return [
            *self._measurements(person, sketch, found.ratios, "ratio"),
            *self._measurements(person, sketch, asymmetries, "ratio"),
            *self._measurements(person, sketch, lengths, "m"),
        ]

    def _measurements(self, person: int, sketch: Sketch, values: Mapping[str, Value], unit: str) -> list[Measurement]:
        return [
            Measurement(
                application=self.name,
                name=name,
                person=person,
                start_s=sketch.first_s,
                end_s=sketch.last_s,
                value=value.value,
                unit=unit,
                low=value.low,
                high=value.high,
                reason=value.reason,
                details={"frames": sketch.seen},
            )
            for name, value in values.items()
        ]
