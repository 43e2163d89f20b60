"""Low-pass filter: Butterworth with zero lag, its cut-off chosen by the noise, and what noise it lets pass.

Networks err alike in frames that follow each other: the correlation of their errors falls to 1/e within about
`MEMORY_S` (0.116 s was fitted to openpifpaf on rendered people). Errors that never change, such as a keypoint that is
always placed too high, no filter can see.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np

from posemill.applications.mocap.points import Floats
from posemill.pose.smooth import butterworth

MEMORY_S = 0.1
CUTOFFS_HZ = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)


def low_pass(time_s: Floats, values: Floats, cutoff_hz: float) -> Floats:
    """Filter values (T, K, D) by time; 0 Hz = not at all. NaN stays where it is, runs between are filtered alone."""
    if not cutoff_hz:
        return values
    return butterworth(time_s, values.astype(np.float32), cutoff_hz).astype(np.float64)


def best_cutoff(time_s: Floats, values: Floats, rate_hz: float, cutoffs_hz: tuple[float, ...] = CUTOFFS_HZ) -> float:
    """Cut-off frequency of the least expected error over all values (T, K, D): Stein's unbiased risk estimate.

    cutoffs_hz  to choose from, ascending.

    The noise is taken from what lies above the highest cut-off. 0 where the frame rate leaves nothing to filter.
    """
    possible = [hz for hz in cutoffs_hz if noise_shares(rate_hz, hz)[1] > 1e-3]
    if not possible or len(values) < 8:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # points that are never seen
        removed = {hz: _mean_square(values - low_pass(time_s, values, hz)) for hz in possible}
    highest = possible[-1]
    noise = removed[highest] / noise_shares(rate_hz, highest)[1]
    risk = {hz: removed[hz] + noise * (2 * noise_shares(rate_hz, hz)[2] - 1) for hz in possible}
    return min(possible, key=lambda hz: float(np.nansum(risk[hz])))


@lru_cache(maxsize=256)
def noise_shares(rate_hz: float, cutoff_hz: float) -> tuple[float, float, float]:
    """Variance of noise of variance 1 that the filter lets pass and removes, and its covariance with the noise."""
    weights = _impulse_response(rate_hz, cutoff_hz)
    middle = len(weights) // 2
    apart = np.abs(np.subtract.outer(np.arange(len(weights)), np.arange(len(weights))))
    alike = np.exp(-apart / rate_hz / MEMORY_S)
    taken = -weights
    taken[middle] += 1
    return float(weights @ alike @ weights), float(taken @ alike @ taken), float(weights @ alike[:, middle])


def _impulse_response(rate_hz: float, cutoff_hz: float) -> Floats:
    """Weights (N,) of the filter around its middle frame."""
    count = 2 * max(round(2 * rate_hz / max(cutoff_hz, 0.1)), 8) + 1
    impulse = np.zeros((count, 1, 1))
    impulse[count // 2] = 1
    return low_pass(np.arange(count) / rate_hz, impulse, cutoff_hz)[:, 0, 0]


def _mean_square(values: Floats) -> Floats:
    """(K, D) mean square over time, without the sharpest hundredth: a jump is no noise."""
    squares = np.sort(values**2, axis=0)
    kept = max(int(0.98 * len(squares)), 1)
    return np.asarray(np.nanmean(squares[:kept], axis=0))
