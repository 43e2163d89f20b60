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
    """Sides of the box around the seen keypoints. xy (..., K, D) → (..., D), D 2 or 3; 0 where none is seen."""
    xy = np.where(seen(xy)[..., None], xy, np.nan)
    each = [xy[..., axis] for axis in range(xy.shape[-1])]
    of_each = [np.fmax.reduce(c, axis=-1) - np.fmin.reduce(c, axis=-1) for c in each]
    size = np.stack(of_each, -1)
    return np.asarray(np.where(np.isfinite(size), size, 0.0), np.float32)


def fill_in_time(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN by linear interpolation along time; before the first and after the last sighting by that one.

    x  (N, T, K, D); NaN = not seen.
    Returns the same shape; a keypoint that is never seen stays NaN.
    """
    known = seen(x)
    window, keypoint = np.nonzero(~known.all(1))  # most keypoints are seen all the time
    filled = np.array(x, np.float32)
    filled[window, :, keypoint] = _filled(x[window, :, keypoint], known[window, :, keypoint])
    return filled


def _filled(x: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(M, T, D) and (M, T): one keypoint of one window each."""
    frames = x.shape[1]
    at = np.arange(frames)[None]
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, frames)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before < 0, after, before).clip(0, frames - 1)
    right = np.where(after >= frames, before, after).clip(0, frames - 1)
    weight = ((at - left) / np.maximum(right - left, 1)).clip(0, 1).astype(np.float32)[..., None]
    a = np.take_along_axis(x, left[..., None], axis=1)
    b = np.take_along_axis(x, right[..., None], axis=1)
    return np.asarray(a + (b - a) * weight, np.float32)
