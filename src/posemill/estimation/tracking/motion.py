"""Where a body is going: a Kalman filter of the whole body, while the posture follows what is found."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

# in body sizes (side of the box's square), so that near and far people are treated alike
JITTER = 0.1  # standard deviation of where a found body is
PUSH = 1.0  # how strongly a body speeds up, per second^1.5
FIRST_SPEED = 3.0  # standard deviation of the speed of somebody seen once, per second
GLIDE_S = 2.0  # an unseen body keeps walking, slower and slower: after this long by 1/e
POSTURE = 0.7  # share of a found posture in the expected one; the rest is the posture before


class Motion:
    """A body in motion; speed is of the whole body, since limbs swing back.

    xy        (K, 2) float32 pixels, the pose expected at `time_s`; NaN = never seen.
    velocity  (2,) float64 pixels per second.
    place_px2 variance of the place, pixels²: what is not known about where the body is.
    """

    def __init__(self, xy: NDArray[np.float32], time_s: float, size_px: float) -> None:
        self.xy, self.time_s, self.size_px = xy, time_s, max(size_px, 1.0)
        self.velocity = np.zeros(2)
        self.place_px2 = (JITTER * self.size_px) ** 2
        self._both = 0.0  # covariance of place and speed
        self._speed = (FIRST_SPEED * self.size_px) ** 2

    def advance(self, time_s: float) -> None:
        """Go on to a later time without having seen anything."""
        step = time_s - self.time_s
        kept = exp(-step / GLIDE_S)
        self.xy = self.xy + (self.velocity * (GLIDE_S * (1 - kept))).astype(np.float32)
        self.velocity = self.velocity * kept
        push = (PUSH * self.size_px) ** 2
        self.place_px2 += 2 * step * self._both + step**2 * self._speed + push * step**3 / 3
        self._both += step * self._speed + push * step**2 / 2
        self._speed += push * step
        self.time_s = time_s

    def correct(self, xy: NDArray[np.float32], size_px: float) -> None:
        """Take in the pose found at the present time."""
        known = ~np.isnan(xy[:, 0]) & ~np.isnan(self.xy[:, 0])
        if known.any():
            off = np.median(xy[known] - self.xy[known], axis=0).astype(np.float64)
            total = self.place_px2 + (JITTER * self.size_px) ** 2
            place, speed = self.place_px2 / total, self._both / total
            self.velocity = self.velocity + speed * off
            self._speed -= speed * self._both
            self._both *= 1 - place
            self.place_px2 *= 1 - place
            moved = self.xy + (place * off).astype(np.float32)
            posture = moved + np.float32(POSTURE) * (xy - moved - ((1 - place) * off).astype(np.float32))
            self.xy = np.where(known[:, None], posture, np.where(np.isnan(xy), moved, xy))
        else:
            self.xy = np.where(np.isnan(xy), self.xy, xy)
        self.size_px += 0.2 * (max(size_px, 1.0) - self.size_px)
