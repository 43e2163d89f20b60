"""Body size, missing keypoints and confidence of windows that were made by hand."""

from __future__ import annotations

import numpy as np

from posemill.features.window_stats import window_stats


def windows(n: int = 1, t: int = 3, k: int = 4) -> np.ndarray:
    """Poses with a box of 30 by 40 px, all seen with confidence 0.5."""
    out = np.zeros((n, t, k, 3), np.float32)
    out[..., :2] = np.array([[10, 20], [40, 20], [40, 60], [10, 60]], np.float32)[:k]
    out[..., 2] = 0.5
    return out


def test_known_figures() -> None:
    w = windows(2)
    w[1, :, 2:] = (np.nan, np.nan, 0)  # the lower half is not seen
    seen = window_stats(w)
    np.testing.assert_allclose(seen.body_px, [40, 30])
    np.testing.assert_allclose(seen.missing, [0, 0.5])
    np.testing.assert_allclose(seen.confidence, [0.5, 0.5])


def test_the_size_is_the_median_over_poses_with_anything_seen() -> None:
    w = windows(1, 4)
    w[0, 0] = (np.nan, np.nan, 0)
    w[0, 1, :, :2] *= 10
    np.testing.assert_allclose(window_stats(w).body_px, [40])
    w[0, 2] = (np.nan, np.nan, 0)
    np.testing.assert_allclose(window_stats(w).body_px, [(40 + 400) / 2])


def test_nobody_and_no_windows() -> None:
    w = np.full((1, 2, 4, 3), np.nan, np.float32)
    seen = window_stats(w)
    assert np.isnan(seen.body_px).all()
    assert np.isnan(seen.confidence).all()
    np.testing.assert_allclose(seen.missing, [1])
    assert window_stats(w[:0]).body_px.shape == (0,)
