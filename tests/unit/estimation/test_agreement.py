"""Agreement between backends whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import SkeletonError
from posemill.estimation.agreement import BackendRun, agreement, run_backend
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import Pose
from posemill.pose.conversion import convert
from posemill.pose.skeleton import COCO_17, MPII_15, OPENPOSE_18, Skeleton

BODY = np.random.default_rng(3).uniform(0, 100, (17, 2)).astype(np.float32)


def pose(x: float, skeleton: Skeleton = COCO_17) -> Pose:
    xy, sure = convert(BODY + np.array([x, 0], np.float32), np.ones(17, np.float32), COCO_17, skeleton)
    return Pose(xy, sure, 1.0)


def seen(name: str, pictures: Sequence[Sequence[float]], skeleton: Skeleton = COCO_17) -> BackendRun:
    return BackendRun(name, skeleton, [[pose(x, skeleton) for x in people] for people in pictures], 1.0)


def test_the_same_people_agree_wholly() -> None:
    found = agreement(seen("a", [[0, 300], [50]]), seen("b", [[300, 0], [50]]))
    assert (found.same, found.share, found.mean_oks, found.keypoints) == (3, 1, 1, 17)


def test_someone_whom_only_one_sees_lowers_the_share() -> None:
    found = agreement(seen("a", [[0, 300]]), seen("b", [[0]]))
    assert found.same == 1
    assert found.share == pytest.approx(2 / 3)
    assert found.mean_oks == 1


def test_other_skeletons_are_compared_by_what_both_have() -> None:
    found = agreement(seen("a", [[0]], COCO_17), seen("b", [[0]], OPENPOSE_18))
    assert (found.keypoints, found.mean_oks) == (17, pytest.approx(1))
    head = Skeleton("head", ("head_top",), (), (), (0.1,))
    with pytest.raises(SkeletonError, match="no keypoint in common"):
        agreement(seen("a", [[]]), BackendRun("b", head, [[]], 1.0))
    assert agreement(seen("a", [[0]]), BackendRun("b", MPII_15, [[]], 1.0)).keypoints == 12


def test_a_small_shift_lowers_oks_and_a_large_one_the_share() -> None:
    near = agreement(seen("a", [[0]]), seen("b", [[5]]))
    assert 0.5 < near.mean_oks < 1
    assert near.share == 1
    far = agreement(seen("a", [[0]]), seen("b", [[80]]))
    assert (far.same, far.share) == (0, 0)


def test_nobody_in_both_is_agreement_too() -> None:
    found = agreement(seen("a", [[], []]), seen("b", [[], []]))
    assert found.share == 1
    assert np.isnan(found.mean_oks)


def test_a_run_keeps_the_order_of_pictures() -> None:
    class ByColour:
        skeleton = COCO_17

        def describe(self) -> dict[str, Any]:
            return {}

        def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
            return [[pose(0)] * int(image[0, 0, 0]) for image in images]

    images = [np.full((8, 8 + n, 3), n, np.uint8) for n in (2, 0, 1)]
    found = run_backend("x", PoseEstimator.from_backend(ByColour()), images)
    assert [len(each) for each in found.poses] == [2, 0, 1]
    assert found.people == 3
    assert found.ms >= 0
