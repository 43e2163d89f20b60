"""Object keypoint similarity (OKS), COCO's measure of how well two poses agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton


def oks(
    xy: NDArray[np.float32], truth_xy: NDArray[np.float32], area_px2: NDArray[np.float32] | float, skeleton: Skeleton
) -> NDArray[np.float64]:
    """Compute OKS: the mean over the true keypoints of exp(-d² / (2 · area · (2 sigma)²)), as pycocotools computes it.

    xy        (..., K, 2) pixels; a NaN keypoint counts as 0 similarity.
    truth_xy  (..., K, 2) pixels; NaN keypoints are not judged.
    area_px2  (...) area of the true person, in pixels².
    Returns   (...) float64 in 0..1; NaN where the ground truth has no keypoint.

    Examples:
        >>> from posemill.pose.skeleton import BODY_12
        >>> xy = np.zeros((12, 2), np.float32)
        >>> float(oks(xy, xy, 100.0, BODY_12))
        1.0
    """
    sigmas = np.asarray(skeleton.sigmas)
    distance2 = ((xy - truth_xy).astype(np.float64) ** 2).sum(-1)
    area = np.asarray(area_px2, np.float64)[..., None]
    similarity = np.exp(-distance2 / (2 * (area + np.spacing(1)) * (2 * sigmas) ** 2))
    judged = ~np.isnan(truth_xy).any(-1)
    total = np.where(judged, np.nan_to_num(similarity, nan=0.0), 0.0).sum(-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / judged.sum(-1))


def box_area(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the area in pixels² of the box around the seen keypoints. xy (..., K, 2); no keypoint gives 0."""
    seen = ~np.isnan(xy).any(-1, keepdims=True)
    low = np.where(seen, xy, np.inf).min(-2)
    high = np.where(seen, xy, -np.inf).max(-2)
    side = np.where(np.isfinite(high - low), high - low, 0.0)
    return np.asarray(side[..., 0] * side[..., 1], np.float64)
