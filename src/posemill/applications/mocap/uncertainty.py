"""Uncertainty of filtered values, from what the filter took away; see `low_pass` for what is known of the noise."""

from __future__ import annotations

import numpy as np

from posemill.applications.mocap.low_pass import noise_shares
from posemill.applications.mocap.points import Floats

WINDOW_S = 1.0
_OF_NORMAL = 1.4826  # standard deviation of a normal distribution over its median absolute deviation


def standard_deviation(raw: Floats, filtered: Floats, rate_hz: float, cutoff_hz: float) -> Floats:
    """Standard deviation (T, ...) of filtered values (T, ...), from the second around each frame.

    NaN where a value is, and everywhere if the filter takes nothing away (no filter, or too low a frame rate).
    """
    left, taken, _ = noise_shares(rate_hz, cutoff_hz)
    removed = np.abs(raw - filtered)
    if taken < 1e-3:
        return np.full(removed.shape, np.nan)
    reach = max(round(WINDOW_S * rate_hz / 2), 2)
    columns = removed.reshape(len(removed), -1)
    spread = np.stack([_rolling_median(column, reach) for column in columns.T], -1).reshape(removed.shape)
    return np.asarray(spread * _OF_NORMAL * np.sqrt(left / taken))


def _rolling_median(values: Floats, reach: int) -> Floats:
    """Median (T,) of the known values within `reach` frames; NaN where a value is."""
    padded = np.pad(values, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    known = np.isfinite(values)
    out = np.full(len(values), np.nan)
    out[known] = np.nanmedian(windows[known], -1)
    return out
