"""A pose keeps the keypoints that its picture shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose

BORDER = 0.02  # a keypoint this far outside the picture (of its longer side) is a guess about what nobody can see


def pose(
    xy: NDArray[np.float32], confidence: NDArray[np.float32], image: NDArray[np.uint8], keypoint_threshold: float
) -> Pose:
    """Keypoints that are not sure enough, or outside the picture, are not seen.

    xy (K, 2) pixels of `image`, confidence (K,). The person's confidence is the mean over all keypoints, those that
    are not seen being 0.
    """
    last = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    margin = BORDER * float(last.max())
    sure = confidence.clip(0, 1)
    seen = (sure > 0) & (sure >= keypoint_threshold) & (xy >= -margin).all(-1) & (xy <= last + margin).all(-1)
    xy = np.where(seen[:, None], xy.clip(0, last), np.float32("nan")).astype(np.float32)
    sure = np.where(seen, sure, 0).astype(np.float32)
    return Pose(xy, sure, float(sure.mean()))
