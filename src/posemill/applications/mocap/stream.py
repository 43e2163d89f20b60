"""Joint angles while frames come: a local fit over a short window, with its uncertainty, in bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from posemill.applications.mocap import isb
from posemill.applications.mocap.capture import unprojected
from posemill.applications.mocap.low_pass import MEMORY_S
from posemill.applications.mocap.points import Floats
from posemill.applications.mocap.scale import OF_HEIGHT, segment_lengths

REMEMBERED = 150  # frames from which size and facing are known
REFRESHED = 10  # frames after which they are computed again
LEAST = 5  # frames of a fit
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Angle:
    """A fitted angle, degrees, with its standard deviation (NaN = unknown)."""

    value: float
    sd: float


@dataclass(slots=True)
class Range:
    """Lowest and highest fitted value of an angle, degrees, and when the first and the last came."""

    low: float
    high: float
    start_s: float
    end_s: float


@dataclass(slots=True, eq=False)
class PersonAngles:
    """Angles of one person over the newest frames.

    window_s   half width of the fit; angles are known so much later.
    focal_px, center  of the camera, for keypoints with z.
    """

    window_s: float
    focal_px: float
    center: Floats
    height_m: float
    times_s: deque[float] = field(default_factory=deque)
    values: deque[dict[str, float]] = field(default_factory=deque)
    recent: deque[Floats] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    ranges: dict[str, Range] = field(default_factory=dict)
    reported_s: float = -np.inf
    frames: int = 0
    looks: Floats | None = None
    size_px: float = float("nan")

    def add(self, time_s: float, points: Floats) -> None:
        """Take body points (18, D) in pixels of the newest frame."""
        if self.times_s and time_s - self.times_s[-1] > 2 * self.window_s:
            self.times_s.clear()
            self.values.clear()
        self.recent.append(points)
        if self.frames % REFRESHED == 0 or self.frames < REFRESHED:
            self._refresh()
        self.frames += 1
        self.times_s.append(time_s)
        angles = self._planar(points) if points.shape[-1] == 2 else self._spatial(points)
        self.values.append({name: float(values[0]) for name, values in angles.items()})
        while self.times_s[0] < time_s - 2 * self.window_s - 1e-9:
            self.times_s.popleft()
            self.values.popleft()

    def fitted(self) -> tuple[float, dict[str, Angle]]:
        """Fit a parabola to every angle of the window: the time at its middle, and the angles there."""
        times = np.array(self.times_s)
        middle_s = float((times[0] + times[-1]) / 2)
        names = sorted({name for values in self.values for name in values})
        angles, fits = {}, {}
        for name in names:
            values = np.array([frame.get(name, np.nan) for frame in self.values])
            known = np.isfinite(values)
            if known.sum() >= LEAST and known.mean() >= 0.5:
                if (pattern := known.tobytes()) not in fits:
                    fits[pattern] = _Parabola.at(times[known] - middle_s)
                angles[name] = fits[pattern].fit(values[known])
                self._extend(name, middle_s, angles[name].value)
        return middle_s, angles

    def _extend(self, name: str, time_s: float, value: float) -> None:
        known = self.ranges.setdefault(name, Range(value, value, time_s, time_s))
        known.low, known.high, known.end_s = min(known.low, value), max(known.high, value), time_s

    def _refresh(self) -> None:
        """Size and facing from the remembered frames."""
        points = np.stack(self.recent)
        if points.shape[-1] == 2:
            self.looks = isb.facing(points * (1, -1))[-1:]
            return
        lengths = segment_lengths(points)
        legs = [np.nanmedian(values) for name, values in lengths.items() if name.startswith(("thigh", "shank"))]
        self.size_px = (
            float(np.nanmedian(lengths["trunk"]) + 2 * np.nanmean(legs)) if legs and "trunk" in lengths else np.nan
        )

    def _planar(self, points: Floats) -> dict[str, Floats]:
        return isb.planar_angles(points[None] * (1, -1), self.looks)

    def _spatial(self, points: Floats) -> dict[str, Floats]:
        if not np.isfinite(self.size_px):
            return {}
        px_per_m = np.array([self.size_px / OF_HEIGHT / self.height_m])
        return isb.spatial_angles(unprojected(points[None], px_per_m, self.focal_px, self.center))


@dataclass(frozen=True, slots=True, eq=False)
class _Parabola:
    """Least-squares parabola through values at given times, evaluated at time 0, for errors that last `MEMORY_S`.

    weights   (N,) of the values. left (N, N) turns values into residuals.
    expected  sum of squared residuals of noise of variance 1. passed: variance of the fitted value then.
    wider     factor of Student's distribution over the normal one.
    """

    weights: Floats
    left: Floats
    expected: float
    wider: float
    passed: float

    @classmethod
    def at(cls, times: Floats) -> _Parabola:
        from scipy.special import stdtrit

        design = np.stack([np.ones_like(times), times, times**2], -1)
        inverse = np.linalg.pinv(design)
        alike = np.exp(-np.abs(np.subtract.outer(times, times)) / MEMORY_S)
        left = np.eye(len(times)) - design @ inverse
        spread = left @ alike @ left.T
        expected = float(np.trace(spread))
        freedom = expected**2 / max(float((spread**2).sum()), 1e-12)  # Satterthwaite
        wider = float(stdtrit(max(freedom, 0.5), 0.975)) / NORMAL_95  # few frames hardly know their own noise
        return cls(inverse[0], left, expected, wider, float(inverse[0] @ alike @ inverse[0]))

    def fit(self, values: Floats) -> Angle:
        """The value at time 0; 1.96 of its deviation hold 95 %, also where few frames know it."""
        value = float(self.weights @ values)
        if self.expected < 1e-6:
            return Angle(value, float("nan"))
        residuals = self.left @ values
        variance = float(residuals @ residuals) / self.expected * self.passed
        return Angle(value, self.wider * float(np.sqrt(variance)))
