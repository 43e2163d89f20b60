"""The longest hold of a track: the longest stretch in which the body is still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import box_size

STILL = 0.15  # body lengths a second, over LAG_S
LAG_S = 0.6
PAUSE_S = 0.3  # a shorter stir does not end a hold


def speed(time_s: NDArray[np.float64], xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (T,) the mean speed of keypoints in body lengths (longer side of the median box) a second.

    time_s  (T,) seconds, increasing; xy (T, K, 2) pixels, NaN = not seen. Over LAG_S, half of it before and after.
    """
    size = max(float(np.nanmedian(box_size(xy).max(-1))), 1e-6)
    first = np.searchsorted(time_s, time_s - LAG_S / 2).clip(0, len(time_s) - 1)
    last = (np.searchsorted(time_s, time_s + LAG_S / 2, "right") - 1).clip(0, len(time_s) - 1)
    moved = np.linalg.norm(xy[last] - xy[first], axis=-1)
    known = ~np.isnan(moved)
    mean = np.where(known, moved, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return np.asarray(mean / size / np.maximum(time_s[last] - time_s[first], 1e-6), np.float64)


def longest_hold(time_s: NDArray[np.float64], xy: NDArray[np.floating]) -> tuple[int, int]:
    """Return first and last row + 1 of the longest hold; of a track that is never still, its calmest row.

    Examples:
        >>> time_s = np.arange(60) / 10
        >>> xy = np.stack([np.stack([np.linspace(0, 100, 12), np.linspace(0, 100, 12)], -1)] * 60)
        >>> xy[:20, :, 0] += 20 * np.arange(20)[:, None] - 400
        >>> start, end = longest_hold(time_s, xy)
        >>> 18 <= start <= 24, end
        (True, 60)
    """
    fast = speed(time_s, xy)
    still = fast <= STILL
    if not still.any():
        calm = int(fast.argmin())
        return calm, calm + 1
    runs: list[list[int]] = []
    for row in np.flatnonzero(still).tolist():
        if runs and time_s[row] - time_s[runs[-1][1]] <= PAUSE_S:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    first, last = max(runs, key=lambda run: time_s[run[1]] - time_s[run[0]])
    return first, last + 1
