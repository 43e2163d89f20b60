"""Geometry of poses: bones, bone lengths and extents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton


def bones(xy: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute vectors parent → child along every edge. xy (..., K, 2) → (..., E, 2); NaN where an end is not seen."""
    edges = skeleton.edge_index
    return np.asarray(xy[..., edges[:, 1], :] - xy[..., edges[:, 0], :], np.float32)


def bone_lengths(xy: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Compute the length of every edge in the unit of xy. xy (..., K, 2) → (..., E); NaN where an end is not seen."""
    return np.asarray(np.linalg.norm(bones(xy, skeleton), axis=-1), np.float32)


def seen(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the mask of keypoints that are seen. xy (..., K, D) → (..., K)."""
    return np.asarray(~np.isnan(xy[..., 0]))


def box_size(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the size of the box around the seen keypoints. xy (..., K, D) → (..., D), D 2 or 3; 0 where none is seen.

    Examples:
        >>> box_size(np.array([[0, 0], [10, 4], [np.nan, np.nan]], np.float32)).tolist()
        [10.0, 4.0]
    """
    xy = np.where(seen(xy)[..., None], xy, np.nan)
    axes = [xy[..., axis] for axis in range(xy.shape[-1])]
    size = np.stack([np.fmax.reduce(x, axis=-1) - np.fmin.reduce(x, axis=-1) for x in axes], -1)
    return np.asarray(np.where(np.isfinite(size), size, 0.0), np.float32)
