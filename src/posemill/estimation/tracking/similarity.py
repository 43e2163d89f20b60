"""Similarity of poses (OKS) and of bodies (log bone lengths)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton

LOOSE = 4.0  # OKS is made for annotations of a still; a moving person's keypoints may be twice as far apart
FEW = 2.0  # agreement over this many keypoints counts half of what agreement over many does
BONE_DEVIATION = 0.3  # standard deviation of a log bone length: e^0.3 longer or shorter speaks against the same person


def oks_to_expected(
    detected: NDArray[np.float32], expected: NDArray[np.float32], position_px2: NDArray[np.float64], skeleton: Skeleton
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """OKS of detected poses with expected ones over the keypoints that both have, and the gain of matching them.

    Args:
        detected: (N, K, 2) pixels.
        expected: (M, K, 2) pixels.
        position_px2: (M,) variance of the expected positions.
        skeleton: of both.

    Returns:
        (M, N) OKS, 0 without a common keypoint, and (M, N) gain: OKS, less where the position is uncertain (it would
        fit whoever is near) and where few keypoints agree.
    """
    spread = float(np.mean((2 * np.asarray(skeleton.sigmas)) ** 2))
    area = LOOSE * np.maximum(np.maximum(box_area(detected), box_area(expected)[:, None]), 1.0)
    uncertain = position_px2[:, None] / spread
    common = np.where(np.isnan(detected[None]), np.float32("nan"), expected[:, None])
    similarity = np.nan_to_num(oks(detected[None], common, (area + uncertain).astype(np.float32), skeleton))
    count = (~np.isnan(common[..., 0])).sum(-1)
    return similarity, similarity * np.sqrt(area / (area + uncertain)) * count / (count + FEW)


def oks_pairwise(detected: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float64]:
    """(N, K, 2) → (N, N) OKS of the poses of one frame with each other, over the keypoints that both have."""
    area = box_area(detected)
    common = np.where(np.isnan(detected[None]), np.float32("nan"), detected[:, None])
    return np.nan_to_num(oks(detected[None], common, np.maximum(area, area[:, None]).astype(np.float32), skeleton))


def log_bone_lengths(xy: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, K, 2) → (N, E) logarithm of every bone's length in pixels (at least 1); NaN where an end is not seen."""
    bone = (xy[:, edges[:, 0]] - xy[:, edges[:, 1]]).astype(np.float64)
    return np.asarray(np.log(np.maximum(np.hypot(bone[..., 0], bone[..., 1]), 1.0)))


def body_similarity(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, E) and (N, E) log bone lengths → (M, N) similarity 0..1; 1 where no bone is common."""
    difference = np.abs(one[:, None] - other[None])
    count = (~np.isnan(difference)).sum(-1)
    ordered = np.sort(difference, axis=-1)  # NaN last
    median = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, -1)[..., 0]
    return np.asarray(np.exp(-0.5 * (np.where(count > 0, median, 0.0) / BONE_DEVIATION) ** 2))
