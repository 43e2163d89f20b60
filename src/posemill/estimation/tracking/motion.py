"""Kalman filter of a body's position and velocity; its posture follows the detections with a fixed gain."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

# in body sizes (side of the box's square), so that near and far people are treated alike
MEASUREMENT_NOISE = 0.1  # standard deviation of a detected body's position
PROCESS_NOISE = 1.0  # white acceleration, per second^1.5
INITIAL_SPEED = 3.0  # standard deviation of the speed of somebody seen once, per second
VELOCITY_DECAY_S = 2.0  # time constant: an unseen body walks on, slower and slower
POSTURE_GAIN = 0.5  # share of a detected posture in the expected one; a limb is at times taken from somebody near
SIZE_GAIN = 0.2


class Motion:
    """A body in motion; velocity is of the whole body, since limbs swing back.

    xy            (K, 2) float32 pixels, the pose expected at `time_s`; NaN = never seen.
    velocity      (2,) float64 pixels per second.
    position_px2  variance of the position, pixels²; velocity_px2 of the velocity, (pixels per second)².
    """

    def __init__(
        self, xy: NDArray[np.float32], time_s: float, size_px: float, decay_s: float = VELOCITY_DECAY_S
    ) -> None:
        self.xy, self.time_s, self.size_px = xy, time_s, max(size_px, 1.0)
        self.velocity, self._decay_s = np.zeros(2), decay_s
        self.position_px2 = (MEASUREMENT_NOISE * self.size_px) ** 2
        self._covariance = 0.0  # of position and velocity
        self.velocity_px2 = (INITIAL_SPEED * self.size_px) ** 2

    def predict(self, time_s: float) -> None:
        """Predict the state at a later time."""
        step = time_s - self.time_s
        kept = exp(-step / self._decay_s)
        self.xy = self.xy + (self.velocity * (self._decay_s * (1 - kept))).astype(np.float32)
        self.velocity = self.velocity * kept
        noise = (PROCESS_NOISE * self.size_px) ** 2
        self.position_px2 += 2 * step * self._covariance + step**2 * self.velocity_px2 + noise * step**3 / 3
        self._covariance += step * self.velocity_px2 + noise * step**2 / 2
        self.velocity_px2 += noise * step
        self.time_s = time_s

    def correct(self, xy: NDArray[np.float32], size_px: float) -> None:
        """Correct the state by the pose detected at the present time."""
        common = ~np.isnan(xy[:, 0]) & ~np.isnan(self.xy[:, 0])
        if common.any():
            innovation = np.median(xy[common] - self.xy[common], axis=0).astype(np.float64)
            total = self.position_px2 + (MEASUREMENT_NOISE * self.size_px) ** 2
            gain, velocity_gain = self.position_px2 / total, self._covariance / total
            self.velocity = self.velocity + velocity_gain * innovation
            self.velocity_px2 -= velocity_gain * self._covariance
            self._covariance *= 1 - gain
            self.position_px2 *= 1 - gain
            moved = self.xy + (gain * innovation).astype(np.float32)
            rest = ((1 - gain) * innovation).astype(np.float32)
            posture = moved + np.float32(POSTURE_GAIN) * (xy - moved - rest)
            self.xy = np.where(common[:, None], posture, np.where(np.isnan(xy), moved, xy))
        else:
            self.xy = np.where(np.isnan(xy), self.xy, xy)
        self.size_px += SIZE_GAIN * (max(size_px, 1.0) - self.size_px)
