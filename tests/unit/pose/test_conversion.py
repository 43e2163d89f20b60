"""Conversion between layouts: by name, nothing invented, nothing silently lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.errors import SkeletonError
from posemill.pose.conversion import MIDPOINTS, common, conversion, convert, shared
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import (
    BLAZEPOSE_33,
    BODY_12,
    BODY_25,
    COCO_17,
    MPII_15,
    OPENPOSE_18,
    PENN_13,
    SKELETONS,
    Skeleton,
)


def people(s: Skeleton, seed: int, unseen: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    xy = random.uniform(-50, 2000, (3, 2, len(s), 2)).astype(np.float32)
    confidence = random.uniform(0.1, 1, xy.shape[:-1]).astype(np.float32)
    hidden = random.random(confidence.shape) < unseen
    xy[hidden], confidence[hidden] = np.nan, 0
    return xy, confidence


def possible(source: Skeleton, target: Skeleton) -> bool:
    try:
        conversion(source, target)
    except SkeletonError:
        return False
    return True


EVERY = list(SKELETONS.values())
ways = st.sampled_from([(a, b) for a in EVERY for b in EVERY if possible(a, b)])
both_ways = st.sampled_from([(a, b) for a in EVERY for b in EVERY if possible(a, b) and possible(b, a)])


@given(way=ways, seed=st.integers(0, 99))
def test_a_keypoint_that_both_have_stays_what_it_is(way: tuple[Skeleton, Skeleton], seed: int) -> None:
    source, target = way
    xy, confidence = people(source, seed)
    there, sure = convert(xy, confidence, source, target)
    assert there.dtype == sure.dtype == np.float32
    for name in conversion(source, target).copied:
        np.testing.assert_array_equal(there[..., target.index(name), :], xy[..., source.index(name), :])
        np.testing.assert_array_equal(sure[..., target.index(name)], confidence[..., source.index(name)])


@given(way=both_ways, seed=st.integers(0, 99))
def test_there_and_back_is_the_same_where_nothing_was_lost(way: tuple[Skeleton, Skeleton], seed: int) -> None:
    source, target = way
    xy, confidence = people(source, seed)
    back, sure = convert(*convert(xy, confidence, source, target), target, source)
    kept = [source.index(name) for name in conversion(source, target).copied]
    np.testing.assert_array_equal(back[..., kept, :], xy[..., kept, :])
    np.testing.assert_array_equal(sure[..., kept], confidence[..., kept])


@given(way=ways, seed=st.integers(0, 99))
def test_flipping_before_or_after_is_the_same(way: tuple[Skeleton, Skeleton], seed: int) -> None:
    source, target = way
    xy, confidence = people(source, seed)
    before = convert(xy[..., source.flip_index, :], confidence[..., source.flip_index], source, target)
    xy, confidence = convert(xy, confidence, source, target)
    np.testing.assert_array_equal(before[0], xy[..., target.flip_index, :])
    np.testing.assert_array_equal(before[1], confidence[..., target.flip_index])


@given(way=ways)
def test_every_keypoint_is_accounted_for(way: tuple[Skeleton, Skeleton]) -> None:
    source, target = way
    c = conversion(source, target)
    assert {*c.copied, *c.derived} == set(target.keypoints)
    assert {*c.copied, *c.lost} == set(source.keypoints)
    assert set(c.derived) <= set(MIDPOINTS)


def test_the_neck_is_the_middle_of_the_shoulders_and_no_surer_than_they_are() -> None:
    xy, confidence = people(COCO_17, 1, unseen=0)
    left, right = COCO_17.index("left_shoulder"), COCO_17.index("right_shoulder")
    there, sure = convert(xy, confidence, COCO_17, OPENPOSE_18)
    neck = OPENPOSE_18.index("neck")
    np.testing.assert_allclose(there[..., neck, :], (xy[..., left, :] + xy[..., right, :]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(sure[..., neck], np.minimum(confidence[..., left], confidence[..., right]))
    xy[..., left, :], confidence[..., left] = np.nan, 0
    there, sure = convert(xy, confidence, COCO_17, OPENPOSE_18)
    assert np.isnan(there[..., neck, :]).all()
    assert not sure[..., neck].any()


def test_what_it_does_is_said_before() -> None:
    c = conversion(BODY_25, OPENPOSE_18)
    assert c.derived == ()
    assert c.lost[0] == "mid_hip"
    assert conversion(COCO_17, OPENPOSE_18).derived == ("neck",)
    assert len(conversion(BLAZEPOSE_33, COCO_17).lost) == 16


@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        (COCO_17, PENN_13, "head"),
        (COCO_17, BODY_25, "left_big_toe"),
        (OPENPOSE_18, MPII_15, "head_top, upper_neck, chest"),
        (BODY_12, COCO_17, "nose"),
    ],
)
def test_what_cannot_be_had_is_refused(source: Skeleton, target: Skeleton, named: str) -> None:
    with pytest.raises(SkeletonError, match=f"has no {named}"):
        conversion(source, target)


def test_keypoints_of_another_layout_are_refused() -> None:
    with pytest.raises(SkeletonError, match=r"\(\.\.\., 17, 2\)"):
        convert(*people(BODY_12, 1), COCO_17, BODY_12)


def test_what_two_layouts_can_be_compared_by() -> None:
    assert set(common(COCO_17, OPENPOSE_18).keypoints) == set(COCO_17.keypoints)
    assert common(PENN_13, MPII_15).keypoints == BODY_12.keypoints


def own(name: str, *keypoints: str) -> Skeleton:
    """A skeleton whose keypoints hang on the first one."""
    edges = tuple((keypoints[0], other) for other in keypoints[1:])
    return Skeleton(name, keypoints, edges, (), (0.1,) * len(keypoints))


def test_what_layouts_share_can_be_written_down_and_read_whatever_they_are_called() -> None:
    long, longer = own("a" * 40, "root", "tip", "tail"), own("b" * 40, "root", "tip", "ear", "eye")
    names = set()
    for each in ([long, longer], [long, longer, own("b" * 41, "root", "tip", "toe")], [own("c", "root", "tip"), long]):
        body = shared(each)
        assert body.keypoints == ("root", "tip")
        assert defined(json.loads(json.dumps(definition(body)))) == body
        names.add(body.name)
    assert len(names) == 3
    assert f"c+{'a' * 40}" in names


TIPS = Skeleton("other", ("tip", "x", "y", "tail"), (("x", "y"),), (), (0.1,) * 4)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (own("other", "ear", "eye", "nose", "chin"), "have no keypoint in common"),
        (own("other", "root", "eye", "nose", "chin"), "have only root in common"),
        (TIPS, "have tip, tail, but no edge, in common"),  # both hang on a keypoint that this one lacks
    ],
)
def test_layouts_that_share_too_little_are_told_what_to_set(other: Skeleton, what: str) -> None:
    with pytest.raises(SkeletonError, match=rf"lab and other {what}: set prepare\.skeleton .*\(snapshot\.datasets\)"):
        shared([own("lab", "root", "tip", "tail"), other])
