"""Motion capture as an application: joint angles by ISB names while frames come."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import Floats, body_points
from posemill.applications.mocap.stream import Angle, PersonAngles, Range
from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Measurement,
    Output,
    StreamFacts,
    TrackedFrame,
    TrackedPose,
)

FORGOTTEN_S = 30.0
_SHOWN = ("knee_flexion", "hip_flexion", "elbow_flexion")


class MotionCapture(Application[MocapParams]):
    """Joint angles over time, by ISB names, of everybody in view.

    Measurements: every angle in degrees with its 95 % interval every `report_every_s`, late by `smooth_s`; at the end
    (or half a minute after a person has left) the range of motion of every angle as `<angle>_range`. Files of whole
    recordings, with filter and foot lock, are written by `posemill export mocap`.

    Examples:
        >>> from posemill.applications.mocap.app import MotionCapture
        >>> MotionCapture(report_every_s=1.0).params.report_every_s
        1.0
    """

    name: ClassVar[str] = "mocap"
    title: ClassVar[str] = "Motion capture"
    limits: ClassVar[tuple[str, ...]] = (
        "From 2-D keypoints angles are those in the plane of the picture: film from the side, square to the movement.",
        "The trunk is one segment: the pelvis is not measured, and hip flexion is that of the thigh against the trunk.",
        "Rotations about a limb's own axis are known only while the next joint is bent by 20 degrees or more.",
        "Intervals hold random errors; where a pose network places a joint wrongly all the time, they do not know it.",
        "Lengths in metres need the person's height; without it an average height is assumed.",
    )
    notice: ClassVar[str] = "No medical device: joint angles are estimates from video."
    backend: ClassVar[str] = "blazepose"  # gives depth

    @classmethod
    def params_model(cls) -> type[MocapParams]:
        """See Application."""
        return MocapParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream. Errors: InputError where the skeleton has no shoulders or hips."""
        body_points(np.zeros((len(stream.skeleton), 2)), stream.skeleton)
        self._stream = stream
        self._people: dict[int, PersonAngles] = {}
        self._newest: dict[int, dict[str, Angle]] = {}
        self._ranges: dict[int, dict[str, Range]] = {}
        self._measured = 0

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame; returns the angles that are due."""
        outputs: list[Output] = []
        self._newest = {}
        for person, pose in frame.people.items():
            angles = self._people.setdefault(person, self._new_person())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # medians of keypoints that were not seen yet
                angles.add(frame.time_s, self._points(pose))
                middle_s, self._newest[person] = angles.fitted()
            if middle_s - angles.reported_s >= self.params.report_every_s - 1e-9 and self._newest[person]:
                angles.reported_s = middle_s
                outputs += self._measurements(person, middle_s)
        for person in [p for p, a in self._people.items() if frame.time_s - a.times_s[-1] > FORGOTTEN_S]:
            outputs += self._ended(person)
        return outputs

    def finish(self) -> Sequence[Output]:
        """Return every person's range of motion."""
        return [output for person in list(self._people) for output in self._ended(person)]

    def annotations(self) -> Sequence[Annotation]:
        """Return the angles of knees, hips and elbows of everybody in view."""
        notes = []
        for person, angles in self._newest.items():
            known = [name for name in _SHOWN if f"{name}_left" in angles or f"{name}_right" in angles]
            text = ", ".join(f"{name.split('_')[0]} {_both(angles, name)}" for name in known)
            if text:
                notes.append(Annotation(person, text))
        return notes

    def summary(self) -> dict[str, Detail]:
        """Return how many people and angles were measured, and the range of knees and hips of the first person."""
        everybody = self._ranges | {person: angles.ranges for person, angles in self._people.items()}
        out: dict[str, Detail] = {"people": len(everybody), "measurements": self._measured}
        for person in sorted(everybody)[:1]:
            for name, known in everybody[person].items():
                if name.startswith(("knee_flexion", "hip_flexion")):
                    out |= {f"{name}_lowest_deg": round(known.low, 1), f"{name}_highest_deg": round(known.high, 1)}
        return out

    def _new_person(self) -> PersonAngles:
        stream, params = self._stream, self.params
        return PersonAngles(
            window_s=params.smooth_s,
            focal_px=stream.width_px / 2 / float(np.tan(np.radians(params.field_deg) / 2)),
            center=np.array([(stream.width_px - 1) / 2, (stream.height_px - 1) / 2]),
            height_m=params.height_m or params.assumed_height_m,
        )

    def _points(self, pose: TrackedPose) -> Floats:
        keypoints = pose.xy if pose.z is None else np.concatenate([pose.xy, pose.z[:, None]], -1)
        sure = pose.confidence >= self.params.min_confidence
        return body_points(np.where(sure[:, None], keypoints, np.nan), self._stream.skeleton)

    def _measurements(self, person: int, time_s: float) -> list[Measurement]:
        self._measured += len(self._newest[person])
        return [
            Measurement(
                application=self.name,
                name=name,
                person=person,
                start_s=time_s,
                end_s=time_s,
                value=angle.value,
                unit="deg",
                low=angle.value - 1.96 * angle.sd if np.isfinite(angle.sd) else None,
                high=angle.value + 1.96 * angle.sd if np.isfinite(angle.sd) else None,
            )
            for name, angle in self._newest[person].items()
        ]

    def _ended(self, person: int) -> list[Measurement]:
        ranges = self._people.pop(person).ranges
        if len(self._ranges) < 100:  # the summary needs the first ones only
            self._ranges[person] = ranges
        return [
            Measurement(
                application=self.name,
                name=f"{name}_range",
                person=person,
                start_s=known.start_s,
                end_s=known.end_s,
                value=known.high - known.low,
                unit="deg",
                details={"lowest_deg": known.low, "highest_deg": known.high},
            )
            for name, known in ranges.items()
        ]


def _both(angles: dict[str, Angle], name: str) -> str:
    sides = [angles.get(f"{name}_{side}") for side in ("left", "right")]
    return "/".join("–" if angle is None else f"{angle.value:.0f}°" for angle in sides)
