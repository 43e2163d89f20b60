"""How alike poses, and bodies, are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton

LOOSE = 4.0  # OKS judges annotations of a still; a moving person's keypoints may be twice as far apart
FEW = 2.0  # agreement over this many keypoints counts half of what agreement over many does
SCALE = 0.3  # bones longer or shorter by a factor of e^0.3 speak against the same person, one standard deviation


def to_expected(
    found: NDArray[np.float32], expected: NDArray[np.float32], place_px2: NDArray[np.float64], skeleton: Skeleton
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """OKS of found poses with expected ones, over the keypoints that both have.

    found      (N, K, 2) pixels;  expected (M, K, 2) pixels;  place_px2 (M,) variance of where they are expected.
    Returns    (M, N) OKS, 0 without a common keypoint, and (M, N) what it is worth: less where little is known about
               the place (it would fit whoever is near) and where few keypoints agree.
    """
    spread = float(np.mean((2 * np.asarray(skeleton.sigmas)) ** 2))
    area = LOOSE * np.maximum(np.maximum(box_area(found), box_area(expected)[:, None]), 1.0)
    unknown = place_px2[:, None] / spread
    common = np.where(np.isnan(found[None]), np.float32("nan"), expected[:, None])
    alike = np.nan_to_num(oks(found[None], common, (area + unknown).astype(np.float32), skeleton))
    count = (~np.isnan(common[..., 0])).sum(-1)
    return alike, alike * np.sqrt(area / (area + unknown)) * count / (count + FEW)


def to_each_other(found: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float64]:
    """(N, K, 2) → (N, N) OKS of the poses of one frame with each other, over the keypoints that both have."""
    area = box_area(found)
    common = np.where(np.isnan(found[None]), np.float32("nan"), found[:, None])
    return np.nan_to_num(oks(found[None], common, np.maximum(area, area[:, None]).astype(np.float32), skeleton))


def log_lengths(xy: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, K, 2) → (N, E) logarithm of every bone's length in pixels (at least 1); NaN where an end is not seen."""
    bone = (xy[:, edges[:, 0]] - xy[:, edges[:, 1]]).astype(np.float64)
    return np.asarray(np.log(np.maximum(np.hypot(bone[..., 0], bone[..., 1]), 1.0)))


def body_similarity(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, E) and (N, E) measures → (M, N) 0..1: how well the bones' lengths agree; 1 where none is common."""
    differs = np.abs(one[:, None] - other[None])
    count = (~np.isnan(differs)).sum(-1)
    ordered = np.sort(differs, axis=-1)  # NaN last
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, -1)[..., 0]
    return np.asarray(np.exp(-0.5 * (np.where(count > 0, middle, 0.0) / SCALE) ** 2))
