"""Median pose of the last moments of one person, and how still it is; bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST = 128  # poses kept, whatever the frame rate


@dataclass(slots=True)
class PoseWindow:
    """The poses of the last `length_s` seconds.

    poses  of (time_s, (K, 3) float32: x_px, y_px, confidence; NaN = not seen).
    """

    length_s: float
    poses: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=lambda: deque(maxlen=MOST))

    def add(self, time_s: float, pose: NDArray[np.float32]) -> None:
        """Take the newest pose and forget those that are too old."""
        self.poses.append((time_s, pose))
        while time_s - self.poses[0][0] > self.length_s:
            self.poses.popleft()

    def median(self) -> NDArray[np.float32]:
        """(K, 3) the median of the sightings of every keypoint; NaN, confidence 0, where there is none."""
        return _median(np.stack([pose for _, pose in self.poses]))

    def speed(self) -> float:
        """Mean speed of the keypoints in body lengths (longest side of the box) a second; 0 for a single pose.

        From the older to the newer half of the window, by medians, so that jitter counts little.
        """
        if len(self.poses) < 2:
            return 0.0
        times = np.array([time for time, _ in self.poses])
        half = len(times) // 2
        every = np.stack([pose for _, pose in self.poses])
        older, newer = _median(every[:half])[:, :2], _median(every[half:])[:, :2]
        moved = np.linalg.norm(newer - older, axis=-1)
        both = np.concatenate([older, newer])
        both = both[~np.isnan(both[:, 0])]
        if not len(both) or np.isnan(moved).all():
            return 0.0
        size = max(float(np.ptp(both, axis=0).max()), 1.0)
        return float(np.nanmean(moved)) / size / float(times[half:].mean() - times[:half].mean())


def _median(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    seen = ~np.isnan(poses[..., 0])
    out = np.full(poses.shape[1:], np.nan, np.float32)
    out[:, 2] = 0
    for k in np.flatnonzero(seen.any(0)):
        out[k] = np.median(poses[seen[:, k], k], axis=0)
    return out
