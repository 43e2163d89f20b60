"""Sketch of a person's poses: evenly thinned frames and the keypoints' noise, in bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from posemill.applications.mocap.low_pass import MEMORY_S
from posemill.applications.mocap.points import Floats

MOST = 600  # frames kept; above it every second one is dropped, and then every second one taken
RECENT = 240  # newest second differences, from which the noise is known


@dataclass(slots=True, eq=False)
class Sketch:
    """Poses of one person as they come.

    Kept: at most `MOST` frames, evenly spaced over all of the time, and the newest `RECENT` second differences of
    neighbouring frames, which hold the noise and hardly any motion.
    """

    times_s: list[float] = field(default_factory=list)
    points: list[Floats] = field(default_factory=list)
    stride: int = 1
    seen: int = 0
    _last: deque[tuple[float, Floats]] = field(default_factory=lambda: deque(maxlen=3))
    _rough: deque[Floats] = field(default_factory=lambda: deque(maxlen=RECENT))
    first_s: float = float("nan")
    last_s: float = float("nan")

    def add(self, time_s: float, points: Floats) -> None:
        """Take the body points (18, D) of a frame."""
        self.first_s, self.last_s = (time_s if self.seen == 0 else self.first_s), time_s
        if self.seen % self.stride == 0:
            self.times_s.append(time_s)
            self.points.append(points.astype(np.float32))
        if len(self.points) > MOST:
            self.times_s, self.points, self.stride = self.times_s[::2], self.points[::2], 2 * self.stride
        self.seen += 1
        self._last.append((time_s, points))
        if len(self._last) == 3:
            self._difference()

    def noise(self) -> Floats:
        """Standard deviation (D,) of a keypoint's error in one frame, in its unit; zero where it is not known yet."""
        if not self._rough:
            return np.zeros(2 if not self.points else self.points[0].shape[-1])
        rough = np.stack(self._rough).reshape(-1, self._rough[0].shape[-1])
        known = rough[np.isfinite(rough).all(-1)]
        # a median, because limbs that move fast have second differences of their own
        return np.asarray(1.4826 * np.median(np.abs(known), 0)) if len(known) else np.zeros(rough.shape[-1])

    def arrays(self) -> tuple[Floats, Floats]:
        """Return the kept frames: times (T,) and points (T, 18, D)."""
        return np.array(self.times_s), np.stack(self.points).astype(np.float64)

    def _difference(self) -> None:
        (t0, a), (t1, b), (t2, c) = self._last
        before, after = t1 - t0, t2 - t1
        if max(before, after) > 2 * min(before, after):
            return
        share = float(np.exp(-(before + after) / 2 / MEMORY_S))  # errors of neighbouring frames are alike
        expected = 6 - 8 * share + 2 * share**2
        line = (a * after + c * before) / (before + after)
        self._rough.append(2 * (b - line) / np.sqrt(expected))
