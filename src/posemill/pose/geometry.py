"""Geometry of poses: bones, extents, and filling keypoints that were not seen for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton


def bones(xy: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Vectors parent → child along every edge. xy (..., K, 2) → (..., E, 2); NaN where an end is not seen."""
    edges = skeleton.edge_index
    return np.asarray(xy[..., edges[:, 1], :] - xy[..., edges[:, 0], :], np.float32)


def bone_lengths(xy: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Length of every edge in the unit of xy. xy (..., K, 2) → (..., E); NaN where an end is not seen."""
    return np.asarray(np.linalg.norm(bones(xy, skeleton), axis=-1), np.float32)


def seen(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which keypoints are seen. xy (..., K, 2) → (..., K)."""
    return np.asarray(~np.isnan(xy[..., 0]))


def sides(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Width and height of the box around the seen keypoints. xy (..., K, 2) → (..., 2); 0 where none is seen."""
    known = seen(xy)[..., None]
    low = np.where(known, xy, np.inf).min(-2)
    high = np.where(known, xy, -np.inf).max(-2)
    return np.asarray(np.where(np.isfinite(high - low), high - low, 0.0), np.float32)


def fill_in_time(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN by linear interpolation along time; before the first and after the last sighting by that one.

    x  (N, T, K, 2); NaN = not seen.
    Returns the same shape; a keypoint that is never seen stays NaN.
    """
    known = seen(x)
    frames = x.shape[1]
    at = np.arange(frames)[None, :, None]
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, frames)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before < 0, after, before).clip(0, frames - 1)
    right = np.where(after >= frames, before, after).clip(0, frames - 1)
    weight = ((at - left) / np.maximum(right - left, 1)).clip(0, 1).astype(np.float32)[..., None]
    a = np.take_along_axis(x, left[..., None], axis=1)
    b = np.take_along_axis(x, right[..., None], axis=1)
    return np.asarray(a + (b - a) * weight, np.float32)
