"""Pose accuracy of estimated tracks against ground truth: OKS, recall, keypoint error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.gaps import found_only
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks

_TORSO = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
_TORSO_KEYPOINTS = frozenset(name for pair in _TORSO for name in pair)
FOUND = 0.5


@dataclass(frozen=True, slots=True)
class PoseAccuracy:
    """Accuracy over all true poses in the frames that were estimated.

    poses               number of true poses.
    mean_oks            0..1; a person who was not found counts as 0.
    recall              share of true poses found with an OKS of 0.5 or more.
    median_error_torso  median distance of a found keypoint from the true one, in torso lengths (shoulder to
                        opposite hip, the longer); NaN where the skeleton has no torso or nobody was found.
    """

    poses: int
    mean_oks: float
    recall: float
    median_error_torso: float


def best_pairs(
    found: NDArray[np.float32], truth: NDArray[np.float32], area_px2: NDArray[np.float32], skeleton: Skeleton
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Match estimated and true people of one picture by OKS (Hungarian assignment).

    found (N, K, 2), truth (M, K, 2) pixels; area_px2 (M,). Returns (M,) OKS, 0 for the unpaired, and (M,) number in
    `found`, -1 for the unpaired.
    """
    from scipy.optimize import linear_sum_assignment

    similarity, number = np.zeros(len(truth)), np.full(len(truth), -1)
    if len(found) and len(truth):
        each = np.nan_to_num(oks(found[None], truth[:, None], area_px2[:, None], skeleton))
        rows, columns = linear_sum_assignment(each, maximize=True)
        similarity[rows], number[rows] = each[rows, columns], columns
        number[similarity == 0] = -1
    return similarity, number


def compare(pairs: Iterable[tuple[MediumTracks, MediumTracks]]) -> PoseAccuracy | None:
    """Compute accuracy over (estimated, true) tracks of media, by keypoint names; None without a true pose."""
    similarities: list[NDArray[np.float64]] = []
    errors: list[NDArray[np.float64]] = []
    for found, truth in pairs:
        in_frame = _by_frame(found, truth.skeleton)
        nobody = np.empty((0, len(truth.skeleton), 2), np.float32)
        true_frames = _by_frame(truth, truth.skeleton)
        sampled = _sampled_frames(found, truth)
        for frame, true_xy in true_frames.items():
            if frame not in sampled:
                continue
            found_xy = in_frame.get(frame, nobody)
            similarity, number = best_pairs(found_xy, true_xy, box_area(true_xy).astype(np.float32), truth.skeleton)
            similarities.append(similarity)
            matched = number >= 0
            errors.append(_torso_errors(found_xy[number[matched]], true_xy[matched], truth.skeleton))
    if not similarities:
        return None
    every, error = np.concatenate(similarities), np.concatenate(errors)
    median = float(np.median(error)) if len(error) else float("nan")
    return PoseAccuracy(len(every), float(every.mean()), float((every >= FOUND).mean()), median)


def _sampled_frames(found: MediumTracks, truth: MediumTracks) -> range:
    """Frames with estimated poses: with a stride only every n-th has some; the others are not judged."""
    stride = max(1, round(truth.frames / found.frames)) if found.frames else 1
    return range(0, max(truth.frames, 1), stride)


def _by_frame(tracks: MediumTracks, skeleton: Skeleton) -> dict[int, NDArray[np.float32]]:
    """(P, K, 2) of every frame that has people; interpolated poses are no estimates and are left out."""
    frames: dict[int, list[NDArray[np.float32]]] = {}
    for track in (found_only(t.to(skeleton)) for t in tracks.tracks):
        for frame, xy in zip(track.frame.tolist(), track.xy, strict=True):
            if not np.isnan(xy).all():
                frames.setdefault(frame, []).append(xy)
    return {frame: np.stack(poses) for frame, poses in frames.items()}


def _torso_errors(found: NDArray[np.float32], truth: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float64]:
    """Flat distances of the keypoints that both have, in torso lengths of the true person."""
    if not set(skeleton.keypoints) >= _TORSO_KEYPOINTS:
        return np.empty(0)
    lengths = [np.linalg.norm(truth[:, skeleton.index(a)] - truth[:, skeleton.index(b)], axis=-1) for a, b in _TORSO]
    torso = np.maximum(*np.nan_to_num(lengths))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.linalg.norm(found - truth, axis=-1) / torso
    return np.asarray(relative[np.isfinite(relative)], np.float64)
