"""Repetition phases from one joint angle: a state machine of top, going down, bottom, going up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from posemill.applications.coach.rules import Repetition

TURN_DEG = 8.0  # rise above the least angle that ends the way down


class Stage(StrEnum):
    """Part of a repetition that a person is in."""

    TOP = "top"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Repeated:
    """One finished repetition: its number from 1, seconds, and its least angle in degrees."""

    number: int
    start_s: float
    deepest_s: float
    end_s: float
    least_deg: float


class RepetitionPhases:
    """Follow the angle of one person, frame by frame.

    A repetition begins when the angle falls below `top_deg` less a hysteresis of 5 degrees and ends when it is back
    above `top_deg`. It counts if it went `minimum_range_deg` below `top_deg`. One that was under way when the person
    came into view does not count. Frames without an angle change nothing.

    Examples:
        >>> spec = Repetition(angle=("hip", "knee", "ankle"), top_deg=155, bottom_deg=125, minimum_range_deg=15)
        >>> phases = RepetitionPhases(spec)
        >>> [phases.update(t, a) is not None for t, a in enumerate([170, 140, 90, 120, 165])]
        [False, False, False, False, True]
    """

    def __init__(self, spec: Repetition) -> None:
        self.spec = spec
        self.stage: Stage | None = None  # None until the top was seen
        self.count = 0
        self.deepest = False  # the newest angle is the least of the repetition under way
        self._start_s = self._deepest_s = 0.0
        self._least = 180.0

    def update(self, time_s: float, angle_deg: float | None) -> Repeated | None:
        """Take the angle of a frame, None = not known; return the repetition that it ends."""
        self.deepest = False
        if angle_deg is None:
            return None
        if self.stage in (None, Stage.TOP):
            self._leave_top(time_s, angle_deg)
            if self.stage in (None, Stage.TOP):
                return None
        if angle_deg < self._least:
            self._least, self._deepest_s, self.deepest, self.stage = angle_deg, time_s, True, Stage.DOWN
        elif angle_deg > self._least + TURN_DEG:
            self.stage = Stage.UP
        return self._ended(time_s) if angle_deg >= self.spec.top_deg else None

    def _leave_top(self, time_s: float, angle_deg: float) -> None:
        if angle_deg >= self.spec.top_deg:
            self.stage = Stage.TOP
        elif self.stage is Stage.TOP and angle_deg < self.spec.top_deg - 5:
            self.stage, self._start_s, self._least = Stage.DOWN, time_s, 180.0

    def _ended(self, time_s: float) -> Repeated | None:
        self.stage = Stage.TOP
        if self._least > self.spec.top_deg - self.spec.minimum_range_deg:
            return None
        self.count += 1
        return Repeated(self.count, self._start_s, self._deepest_s, time_s, self._least)
