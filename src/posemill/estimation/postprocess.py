"""Pose post-processing: masking keypoints outside the picture, and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose

BORDER = 0.02  # a keypoint this far outside the picture (of its longer side) is a guess about what nobody can see
NMS_IOU = 0.4  # intersection over union of two boxes from which two poses are of one person
NMS_CONTAINED = 0.8  # or intersection over the smaller box


def mask_out_of_frame(
    xy: NDArray[np.float32],
    confidence: NDArray[np.float32],
    image: NDArray[np.uint8],
    keypoint_threshold: float,
    person_confidence: float | None = None,
) -> Pose:
    """Mask keypoints that lie outside the picture or below a confidence threshold, and clip the others to it.

    Args:
        xy: (K, 2) pixels of `image`.
        confidence: (K,) is clipped to 0..1.
        image: (H, W, 3).
        keypoint_threshold: keypoints below it are not seen.
        person_confidence: is clipped to 0..1; None takes the mean over all keypoints, masked ones being 0.

    Returns:
        Pose with NaN coordinates and confidence 0 where a keypoint is masked.

    Examples:
        >>> image = np.zeros((100, 200, 3), np.uint8)
        >>> xy = np.array([[10, 20], [202, 50], [400, 50]], np.float32)
        >>> pose = mask_out_of_frame(xy, np.full(3, 0.6, np.float32), image, keypoint_threshold=0.1)
        >>> pose.xy.tolist()
        [[10.0, 20.0], [199.0, 50.0], [nan, nan]]
    """
    last = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    margin = BORDER * float(last.max())
    confidence = confidence.clip(0, 1)
    seen = (confidence > 0) & (confidence >= keypoint_threshold)
    seen &= (xy >= -margin).all(-1) & (xy <= last + margin).all(-1)
    xy = np.where(seen[:, None], xy.clip(0, last), np.float32("nan")).astype(np.float32)
    confidence = np.where(seen, confidence, 0).astype(np.float32)
    person = float(confidence.mean()) if person_confidence is None else min(1.0, max(0.0, person_confidence))
    return Pose(xy, confidence, person)


def nms(poses: Sequence[Pose]) -> list[Pose]:
    """Non-maximum suppression: drop poses whose box overlaps that of a more confident one.

    Args:
        poses: of one picture, in any order.

    Returns:
        Those that are kept, the most confident first.
    """
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda p: -p.person_confidence):
        if not any(overlap(pose, other) for other in kept):
            kept.append(pose)
    return kept


def overlap(one: Pose, other: Pose) -> bool:
    """True if the boxes of two poses overlap so much that they are of one person."""
    boxes = [_box(one), _box(other)]
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    intersection = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[1] - box[0])) + 1e-6 for box in boxes]
    return intersection > NMS_IOU * (sum(areas) - intersection) or intersection > NMS_CONTAINED * min(areas)


def _box(pose: Pose) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest corner of the seen keypoints; a point far away for a pose without any."""
    seen = pose.xy[~np.isnan(pose.xy).any(-1)]
    if not len(seen):
        return np.full(2, -1e9, np.float32), np.full(2, -1e9, np.float32)
    return seen.min(0), seen.max(0)
