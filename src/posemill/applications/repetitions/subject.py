"""Repetition counter of one body: poses in, frame by frame; repetitions out, a few seconds after they ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.applications.repetitions.density import DensityStream
from posemill.applications.repetitions.network import density_network
from posemill.applications.repetitions.poses import Floats, Mask, TimeGrid, standardise
from posemill.applications.repetitions.segments import Integrator, Span
from posemill.pose.angles import joint_angles
from posemill.pose.skeleton import BODY_12

STEP_S = 0.1
WINDOW_S = 30.0
_QUANTILES = (0.05, 0.95)
_FEWEST_ANGLES = 0.5  # share of a repetition's bins in which a joint must be seen
_MEMORY = 0.7  # of the ranges of earlier repetitions, so that the principal joint does not jump about


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition.

    number     from 1, of this person.
    start_s, turning_s, end_s  seconds from the first frame: where it starts, where it turns, where it ends.
    joint      the joint angle that moves most, as `knee_left`; None = no joint was seen for long enough.
    range_deg  between the 5th and the 95th percentile of that angle; in the picture, so foreshortened as seen.
    """

    number: int
    start_s: float
    turning_s: float
    end_s: float
    joint: str | None = None
    range_deg: float | None = None

    @property
    def duration_s(self) -> float:
        """Return how long it lasted."""
        return self.end_s - self.start_s

    @property
    def tempo_per_min(self) -> float:
        """Return repetitions a minute at its pace."""
        return 60.0 / max(self.duration_s, STEP_S)


class SubjectCounter:
    """Streaming counter of one body; the same frames give the same repetitions however they arrive.

    Args:
        lookahead_s: of future that a moment must have before it is decided.
        least_range_deg: repetitions whose principal joint moves less are not reported; 0 = report all.
        carried: share of a repetition that was under way when a cut came, see `hand_over`.
    """

    def __init__(self, lookahead_s: float, least_range_deg: float = 0.0, carried: float = 0.0) -> None:
        self._grid = TimeGrid(STEP_S)
        self._density = DensityStream(density_network(), round(WINDOW_S / STEP_S), round(lookahead_s / STEP_S))
        self._integrator = Integrator(carried)
        self._least_range = least_range_deg
        self._angles: deque[dict[str, float]] = deque(maxlen=round((2 * WINDOW_S + lookahead_s) / STEP_S))
        self._open: list[dict[str, float]] = []
        self._ranges: dict[str, float] = {}
        self._bins = 0
        self._origin_s: float | None = None
        self.count = 0

    def update(self, time_s: float, points: NDArray[np.floating]) -> list[Repetition]:
        """Take the body of a frame and return the repetitions that are certain now.

        points  (12, 2) of body-12, NaN = not seen. Everything NaN = nobody.
        """
        pose, seen = standardise(points)
        return self.update_standardised(time_s, points, pose, seen)

    def update_standardised(
        self, time_s: float, points: NDArray[np.floating], pose: Floats, seen: Mask
    ) -> list[Repetition]:
        """Take the body of a frame whose standardised pose is known already, see `poses.standardise`."""
        if self._origin_s is None:
            self._origin_s = time_s
        done = self._grid.push(time_s - self._origin_s, pose, seen)
        spans = self._take(done)
        self._open.append({name: float(angle) for name, angle in joint_angles(points, BODY_12).items()})
        return [r for span in spans for r in self._report(span)]

    def finish(self) -> list[Repetition]:
        """End the stream and return the repetitions that were not certain yet."""
        complete, _ = self.hand_over()
        return complete + [r for span in self._integrator.finish() for r in self._report(span)]

    def hand_over(self) -> tuple[list[Repetition], float]:
        """End the stream at a cut; return the complete repetitions, and the share of the one that is under way."""
        if self._origin_s is None:
            return [], 0.0
        spans = self._take(self._grid.finish()) + self._integrator.push(self._density.finish())
        return [r for span in spans for r in self._report(span)], self._integrator.under_way

    def _take(self, bins: Sequence[tuple[Floats, Mask]]) -> list[Span]:
        spans: list[Span] = []
        for i, (pose, seen) in enumerate(bins):
            self._angles.append(_mean_angles(self._open) if i == 0 else {})
            self._bins += 1
            spans += self._integrator.push(self._density.push(pose, seen))
        if bins:
            self._open = []
        return spans

    def _report(self, span: Span) -> list[Repetition]:
        joint, width, turning = self._principal(span)
        if joint is not None and width < self._least_range:
            return []
        self.count += 1
        origin = self._origin_s or 0.0
        start, end = origin + span.start * STEP_S, origin + span.end * STEP_S
        middle = origin + (span.middle if turning is None else turning) * STEP_S
        middle = min(max(middle, start), end)
        return [Repetition(self.count, start, middle, end, joint, None if joint is None else width)]

    def _principal(self, span: Span) -> tuple[str | None, float, float | None]:
        """Return the joint that moves most, its range in degrees and the bin where it turns."""
        first = self._bins - len(self._angles)
        low, high = max(int(span.start) - first, 0), int(np.ceil(span.end)) - first
        rows = [self._angles[i] for i in range(low, min(high, len(self._angles)))]
        ranges: dict[str, float] = {}
        for name in {name for row in rows for name in row}:
            values = np.array([row.get(name, np.nan) for row in rows])
            values = values[~np.isnan(values)]
            if len(values) >= max(3, _FEWEST_ANGLES * len(rows)):
                ranges[name] = float(np.diff(np.quantile(values, _QUANTILES))[0])
        if not ranges:
            return None, 0.0, None
        self._ranges = {n: _MEMORY * self._ranges.get(n, ranges[n]) + (1 - _MEMORY) * ranges[n] for n in sorted(ranges)}
        joint = max(self._ranges, key=lambda n: self._ranges[n])
        values = np.array([row.get(joint, np.nan) for row in rows])
        return joint, ranges[joint], first + low + _turning(values)


def _mean_angles(frames: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every joint angle over the frames of a bin, those seen only."""
    angles: dict[str, float] = {}
    for name in frames[0] if frames else ():
        values = [frame[name] for frame in frames if not np.isnan(frame[name])]
        if values:
            angles[name] = sum(values) / len(values)
    return angles


def _turning(angles: NDArray[np.float64]) -> float:
    """Return the bin in which the angle is farthest from where it starts and ends."""
    seen = np.flatnonzero(~np.isnan(angles))
    ends = (angles[seen[0]] + angles[seen[-1]]) / 2
    return float(seen[np.argmax(np.abs(angles[seen] - ends))] + 0.5)
