"""Skeletons: names, flips and conversions."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.errors import SkeletonError
from posemill.pose.skeleton import BODY_12, COCO_17, PENN_13, SKELETONS, Skeleton, conversion_index, skeleton


@pytest.mark.parametrize("s", SKELETONS.values(), ids=SKELETONS)
def test_flip_is_its_own_inverse_and_moves_every_paired_keypoint(s: Skeleton) -> None:
    flip = s.flip_index
    assert (flip[flip] == np.arange(len(s))).all()
    assert (flip != np.arange(len(s))).sum() == 2 * len(s.pairs)


@pytest.mark.parametrize("s", SKELETONS.values(), ids=SKELETONS)
def test_every_left_keypoint_has_its_right(s: Skeleton) -> None:
    assert {p[0] for p in s.pairs} == {k for k in s.keypoints if k.startswith("left_")}


def test_coco_order_is_cocos() -> None:
    assert COCO_17.keypoints[5:11] == (
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    )  # fmt: skip


def test_conversion_is_by_name() -> None:
    index = conversion_index(COCO_17, BODY_12)
    assert [COCO_17.keypoints[i] for i in index] == list(BODY_12.keypoints)


def test_a_conversion_never_invents() -> None:
    with pytest.raises(SkeletonError, match="head"):
        conversion_index(COCO_17, PENN_13)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(SkeletonError, match="coco-17"):
        skeleton("coco-18")


def test_edges_must_name_keypoints() -> None:
    with pytest.raises(SkeletonError, match="tail"):
        Skeleton("x", ("nose",), (("nose", "tail"),), (), (0.1,))
