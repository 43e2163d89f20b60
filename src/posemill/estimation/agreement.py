"""Inter-backend agreement: OKS between the poses of two backends. It is no accuracy: both may be wrong alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.accuracy import FOUND, best_pairs
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import Pose
from posemill.pose.conversion import common, convert
from posemill.pose.oks import box_area
from posemill.pose.skeleton import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class BackendRun:
    """Poses of one backend in every picture, and its median latency of a picture in milliseconds."""

    name: str
    skeleton: Skeleton
    poses: Sequence[Sequence[Pose]]
    ms: float

    @property
    def people(self) -> int:
        """Poses in all pictures together."""
        return sum(len(each) for each in self.poses)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two backends over all pictures.

    keypoints  number of those that both have; only these are compared.
    same       people on whom both agree with an OKS of 0.5 or more.
    share      of everybody found by either, counted twice where both did: 1 = the same people, 0 = nobody alike.
    mean_oks   mean OKS of the best pairs; NaN where one of them found nobody.
    """

    first: str
    second: str
    keypoints: int
    same: int
    share: float
    mean_oks: float


def run_backend(name: str, estimator: PoseEstimator, images: Sequence[NDArray[np.uint8]]) -> BackendRun:
    """Pose every picture, one at a time; each size of picture is posed once before time is taken."""
    sizes = {image.shape: image for image in images}
    estimator.predict(list(sizes.values()))
    poses, spent = [], []
    for image in images:
        started = time.perf_counter()
        poses.extend(estimator.predict([image]))
        spent.append(1000 * (time.perf_counter() - started))
    return BackendRun(name, estimator.skeleton, poses, median(spent) if spent else float("nan"))


def agreement(first: BackendRun, second: BackendRun) -> Agreement:
    """Compare the poses of two backends by OKS, paired picture by picture, on the keypoints of both skeletons.

    A person's area is that of the box around these keypoints, as the first backend sees it, so that the order of the
    two may change the figure a little. SkeletonError where the skeletons share no keypoint.
    """
    shared = common(first.skeleton, second.skeleton)
    pairs: list[float] = []
    for one, other in zip(first.poses, second.poses, strict=True):
        truth, found = (_stacked(poses, run.skeleton, shared) for poses, run in ((one, first), (other, second)))
        similarity, number = best_pairs(found, truth, box_area(truth).astype(np.float32), shared)
        pairs.extend(similarity[number >= 0].tolist())
    same = sum(value >= FOUND for value in pairs)
    everybody = first.people + second.people
    return Agreement(
        first.name,
        second.name,
        len(shared),
        same,
        2 * same / everybody if everybody else 1.0,
        float(np.mean(pairs)) if pairs else float("nan"),
    )


def _stacked(poses: Sequence[Pose], skeleton: Skeleton, shared: Skeleton) -> NDArray[np.float32]:
    """(P, K, 2) of the shared keypoints."""
    if not poses:
        return np.empty((0, len(shared), 2), np.float32)
    xy, confidence = np.stack([p.xy for p in poses]), np.stack([p.confidence for p in poses])
    return convert(xy, confidence, skeleton, shared)[0]
