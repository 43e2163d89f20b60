"""Skeletons: names, flips and conversions."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.errors import SkeletonError
from posemill.pose.skeleton import (
    BLAZEPOSE_33,
    BODY_12,
    BODY_25,
    COCO_17,
    KINECT_20,
    MPII_15,
    NTU_25,
    OPENNI_15,
    OPENPOSE_18,
    PENN_13,
    SKELETONS,
    Skeleton,
    conversion_index,
    skeleton,
)


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
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
    )


def test_openposes_orders_are_openposes() -> None:
    """Positions from OpenPose's own documentation of its output."""
    assert [OPENPOSE_18.index(k) for k in ("neck", "right_wrist", "left_wrist", "left_ankle", "left_ear")] == [
        1,
        4,
        7,
        13,
        17,
    ]
    wanted = {"mid_hip": 8, "right_hip": 9, "left_ankle": 14, "right_eye": 15, "left_ear": 18}
    wanted |= {"left_big_toe": 19, "left_small_toe": 20, "left_heel": 21, "right_big_toe": 22, "right_heel": 24}
    assert {name: BODY_25.index(name) for name in wanted} == wanted
    assert [MPII_15.index(k) for k in ("head_top", "right_shoulder", "left_wrist", "right_hip", "chest")] == [
        0,
        2,
        7,
        8,
        14,
    ]


def test_blazepose_order_is_its_own() -> None:
    wanted = {"left_eye": 2, "right_eye": 5, "right_mouth": 10, "left_shoulder": 11, "right_wrist": 16}
    wanted |= {"left_pinky": 17, "right_index": 20, "left_thumb": 21, "left_hip": 23, "right_ankle": 28}
    wanted |= {"left_heel": 29, "right_foot_index": 32}
    assert {name: BLAZEPOSE_33.index(name) for name in wanted} == wanted


def test_the_orders_of_sensors_are_their_own() -> None:
    """Kinect's by its SDK's list of joints, OpenNI's by the description of SBU Kinect Interaction."""
    wanted = {"spine_base": 0, "spine_shoulder": 2, "mid_head": 3, "left_hand": 7, "right_shoulder": 8}
    wanted |= {"left_hip": 12, "left_foot": 15, "right_ankle": 18}
    assert {name: KINECT_20.index(name) for name in wanted} == wanted
    wanted = {"mid_head": 0, "torso": 2, "left_shoulder": 3, "right_hand": 8, "left_hip": 9, "right_foot": 14}
    assert {name: OPENNI_15.index(name) for name in wanted} == wanted
    assert len(conversion_index(NTU_25, KINECT_20)) == 20
    assert len(conversion_index(KINECT_20, BODY_12)) == 12


@pytest.mark.parametrize("s", SKELETONS.values(), ids=SKELETONS)
def test_both_sides_have_the_same_edges_and_sigmas(s: Skeleton) -> None:
    other = [s.keypoints[i] for i in s.flip_index]
    mirrored = {frozenset(other[s.index(k)] for k in edge) for edge in s.edges}
    assert mirrored == {frozenset(edge) for edge in s.edges}
    assert [s.sigmas[i] for i in s.flip_index] == list(s.sigmas)


@pytest.mark.parametrize("s", SKELETONS.values(), ids=SKELETONS)
def test_edges_join_all_keypoints(s: Skeleton) -> None:
    reached, before = {s.keypoints[0]}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {k for edge in s.edges if reached & set(edge) for k in edge}
    assert reached == set(s.keypoints)


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
