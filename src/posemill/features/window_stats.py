"""Window statistics for monitoring: body size, missing keypoints and keypoint confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class WindowStats:
    """Statistics of windows, one number each; NaN where nothing is seen at all.

    body_px     (N,) float32, pixels: the longer side of the pose's box, median over the window's poses.
    missing     (N,) float32, 0..1: share of keypoints that are not seen.
    confidence  (N,) float32, 0..1: mean of the labeller's confidence over the keypoints that are.
    """

    body_px: NDArray[np.float32]
    missing: NDArray[np.float32]
    confidence: NDArray[np.float32]


def window_stats(windows: NDArray[np.float32]) -> WindowStats:
    """Compute the statistics of windows (N, T, K, 3): x_px, y_px, confidence; NaN = not seen."""
    xy = windows[..., :2]
    seen: NDArray[np.bool_] = ~np.isnan(windows[..., 0])
    low = np.where(seen[..., None], xy, np.inf).min(2)
    high = np.where(seen[..., None], xy, -np.inf).max(2)
    empty = np.logical_not(np.asarray(seen.any(2)))
    extent = np.where(empty[..., None], np.nan, high - np.where(empty[..., None], 0, low)).max(-1)
    count = seen.sum((1, 2))
    total = np.where(seen, windows[..., 2], 0).sum((1, 2), np.float64)
    return WindowStats(
        body_px=_median(extent).astype(np.float32),
        missing=1 - seen.mean((1, 2), dtype=np.float32),
        confidence=np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32),
    )


def round_for_json(values: NDArray[np.float32]) -> list[float | None]:
    """Round to four digits for JSON, NaN to null. Both sides of a comparison use this, or equal values differ."""
    return [None if v != v else float(f"{v:.4g}") for v in values.tolist()]


def _median(extent: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N, T) → (N,) over what is not NaN, without a warning where everything is."""
    ordered = np.sort(extent, 1)  # NaN last
    count = (~np.isnan(extent)).sum(1)
    rows = np.arange(len(extent))
    middle = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2 * (count > 0)]) / 2
    return np.where(count > 0, np.where(count % 2 == 1, ordered[rows, count // 2 * (count > 0)], middle), np.nan)
