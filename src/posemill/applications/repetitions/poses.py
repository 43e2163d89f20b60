"""Affine-normalised poses on an even time grid: what the counter sees of a person.

Every axis of every pose is standardised by itself (mean 0, deviation 1 over the seen keypoints of the body), so size,
place and aspect of the picture are gone: poses in pixels and poses stretched to 0..1 in every frame give the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import BODY_12

KEYPOINTS = len(BODY_12.keypoints)
FEWEST_SEEN = 5  # of the body's keypoints; a pose with fewer says nothing
LONGEST_BRIDGE_S = 0.35  # frames farther apart than this are not joined
_LARGEST = 4.0  # deviations; beyond it a keypoint is an outlier

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def standardise(points: NDArray[np.floating]) -> tuple[Floats, Mask]:
    """Standardise each axis of each pose over its seen keypoints.

    points   (..., 12, 2), any unit, NaN = not seen.
    Returns  (..., 12, 2) float32, 0 where not seen, and (..., 12) what is seen; a pose with fewer than five seen
             keypoints counts as not seen at all.

    Examples:
        >>> pose = np.arange(24.0).reshape(12, 2)
        >>> bool(np.allclose(standardise(pose)[0], standardise(pose * (3, 0.2) + 7)[0], atol=1e-4))
        True
    """
    seen = ~np.isnan(points).any(-1)
    seen &= (seen.sum(-1) >= FEWEST_SEEN)[..., None]
    weight = seen[..., None].astype(np.float64)
    count = np.maximum(weight.sum(-2, keepdims=True), 1)
    filled = np.where(weight > 0, points, 0.0)
    centred = filled - filled.sum(-2, keepdims=True) / count
    deviation = np.sqrt((centred**2 * weight).sum(-2, keepdims=True) / count)
    scaled = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9)
    return np.where(weight > 0, scaled.clip(-_LARGEST, _LARGEST), 0).astype(np.float32), seen


class TimeGrid:
    """Streaming resampling of standardised poses: the mean of each bin of `step_s` seconds.

    Bins without a frame are filled along a line where the frames around them are at most 0.35 s apart, so low frame
    rates work; otherwise they are not seen.
    """

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.bin = 0
        self._sum = np.zeros((KEYPOINTS, 2))
        self._count = np.zeros(KEYPOINTS)
        self._last: tuple[float, Floats, Mask] | None = None

    def index(self, time_s: float) -> int:
        """Return the number of the bin of that time."""
        return math.floor(time_s / self.step_s + 1e-6)

    def push(self, time_s: float, pose: Floats, seen: Mask) -> list[tuple[Floats, Mask]]:
        """Add the standardised pose of a frame and return the bins that it completes, in order."""
        number = self.index(time_s)
        done: list[tuple[Floats, Mask]] = []
        if number > self.bin:
            done.append(self._close())
            done += [self._between(b, time_s, pose, seen) for b in range(self.bin + 1, number)]
            self.bin = number
        self._sum += np.where(seen[:, None], pose, 0)
        self._count += seen
        self._last = (time_s, pose, seen)
        return done

    def finish(self) -> list[tuple[Floats, Mask]]:
        """Return the bin that is still open."""
        return [self._close()]

    def _close(self) -> tuple[Floats, Mask]:
        mean = (self._sum / np.maximum(self._count, 1)[:, None]).astype(np.float32)
        seen = self._count > 0
        self._sum, self._count = np.zeros((KEYPOINTS, 2)), np.zeros(KEYPOINTS)
        return mean, seen

    def _between(self, number: int, time_s: float, pose: Floats, seen: Mask) -> tuple[Floats, Mask]:
        """Return an empty bin's pose, on the line between the frames around it."""
        if self._last is None or time_s - self._last[0] > LONGEST_BRIDGE_S:
            return np.zeros((KEYPOINTS, 2), np.float32), np.zeros(KEYPOINTS, bool)
        before_s, before, seen_before = self._last
        share = float(np.clip(((number + 0.5) * self.step_s - before_s) / (time_s - before_s), 0, 1))
        both = seen & seen_before
        return np.where(both[:, None], (1 - share) * before + share * pose, 0).astype(np.float32), both
