"""From density to repetitions: its integral passes a whole number with every one that is complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.applications.repetitions.poses import Floats

QUIET_BINS = 25  # with next to no density in them a set is over
QUIET_SUM = 0.12
_LEAST_REMAINDER = 0.5
_LEAST_ACTIVE = 0.01  # of a bin: a repetition of 10 s
_BEGUN = 0.02  # of the integral, from which a repetition is taken to have started


@dataclass(frozen=True, slots=True)
class Span:
    """A repetition on the grid: bins (fractional) of its start, middle and end."""

    start: float
    middle: float
    end: float


class Integrator:
    """Streaming integral of the density, in sets that begin and end at rest.

    Within a set the repetition k lasts from the integral k - 1 to k. When the set is over, a remainder of at least
    a half is a repetition too, a smaller one is forgotten, so what leaks in while nothing happens never
    adds up.

    Args:
        carried: share of a repetition that was under way when a cut came, which goes on in this set.
    """

    def __init__(self, carried: float = 0.0) -> None:
        self._bin = 0
        self._recent = np.full(QUIET_BINS, 2 * QUIET_SUM / QUIET_BINS if carried > 0 else 0.0)
        self._begin()
        if carried > _BEGUN:
            self._integral = carried
            self._passed += [0.0] * (1 + (carried >= _LEAST_REMAINDER))

    @property
    def under_way(self) -> float:
        """Return the share of the repetition that is not complete yet."""
        return self._integral

    def _begin(self) -> None:
        self._integral = 0.0
        self._last_active = self._bin
        self._passed: list[float] = []  # bins at which the integral passed start, middle and so on of a repetition

    def push(self, density: Floats) -> list[Span]:
        """Add the densities of the next bins and return the repetitions that they complete."""
        found: list[Span] = []
        for value in density.tolist():
            found += self._add(value)
        return found

    def finish(self) -> list[Span]:
        """Return the repetition that was as good as complete, if any."""
        return self._end_set()

    def _add(self, value: float) -> list[Span]:
        found: list[Span] = []
        self._recent[self._bin % QUIET_BINS] = value
        before = self._integral
        self._integral += value
        if value > _LEAST_ACTIVE:
            self._last_active = self._bin
        if not self._passed and self._integral > _BEGUN:
            self._passed = [float(self._bin)]
        for mark in (0.5, 1.0):
            if before < mark <= self._integral:
                self._passed.append(self._bin + (mark - before) / value)
        if self._integral >= 1.0:
            start, middle, end = (self._passed + [self._bin + 1.0] * 3)[:3]
            found.append(Span(start, middle, end))
            self._integral -= 1.0
            self._passed = [end]
        self._bin += 1
        if value <= _LEAST_ACTIVE and self._recent.sum() < QUIET_SUM:
            found += self._end_set()
        return found

    def _end_set(self) -> list[Span]:
        found = []
        if self._integral >= _LEAST_REMAINDER and self._passed:
            start, end = self._passed[0], self._last_active + 1.0
            end = max(end, start + 1)
            middle = self._passed[1] if len(self._passed) > 1 else (start + end) / 2
            found = [Span(start, min(middle, end), end)]
        self._begin()
        return found
