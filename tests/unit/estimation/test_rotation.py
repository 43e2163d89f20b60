"""Rotated views of a picture, and people merged from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.estimation.tta.crops import crop_around, shifted
from posemill.estimation.tta.rotation import (
    MIN_CONFIDENCE,
    ORIENTATIONS,
    OrientedPose,
    agreement,
    from_view,
    merge_orientations,
    rotate_image,
    to_upright,
)
from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17

BODY = np.random.default_rng(0).uniform(0, 50, (17, 2)).astype(np.float32)


def person(x: float, confidence: float, quarter_turns: int = 0) -> OrientedPose:
    return OrientedPose(Pose(BODY + np.array([x, 0], np.float32), np.ones(17, np.float32), confidence), quarter_turns)


def confidences(people: list[OrientedPose]) -> list[float]:
    return [p.pose.person_confidence for p in people]


@pytest.mark.parametrize("quarter_turns", [*ORIENTATIONS, 5, -1])
def test_a_bright_spot_comes_back_to_where_it_is(quarter_turns: int) -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    image[30, 150] = 255
    view = rotate_image(image, quarter_turns)
    np.testing.assert_array_equal(view, np.rot90(image, quarter_turns))
    assert view.flags["C_CONTIGUOUS"]
    y, x = np.argwhere(view[..., 0])[0]
    assert to_upright(np.array([x, y], np.float32), quarter_turns, (120, 200)).tolist() == [150, 30]


def test_the_most_confident_view_of_everybody_stays_and_the_picture_itself_is_preferred() -> None:
    people = [person(0, 0.3), person(5, 0.6, 1), person(100, 0.5), person(103, 0.54, 2), person(200, 0.4, 3)]
    assert confidences(merge_orientations(people)) == [0.6, 0.5, 0.4]


def test_people_of_one_view_do_not_suppress_each_other() -> None:
    """Two who embrace: the network has told them apart, and a third view shows one of them badly."""
    assert confidences(merge_orientations([person(0, 0.8), person(8, 0.5), person(4, 0.45, 2)])) == [0.8, 0.5]


def test_who_is_confident_enough_upright_stays() -> None:
    both = [person(0, 0.75), person(3, 0.95, 1)]
    assert confidences(merge_orientations(both, threshold=0.7)) == [0.75]
    assert confidences(merge_orientations(both, threshold=0.8)) == [0.95]


def test_weak_poses_of_rotated_views_are_left_out() -> None:
    weak = Pose(BODY, np.ones(17, np.float32), MIN_CONFIDENCE - 0.01)
    assert [len(from_view([weak], turns, (100, 100))) for turns in ORIENTATIONS] == [1, 0, 0, 0]


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0.2, 1), st.sampled_from(ORIENTATIONS)), max_size=8))
def test_merging_keeps_a_subset_and_merging_again_changes_nothing(given_people: list[tuple[float, float, int]]) -> None:
    people = [person(*each) for each in given_people]
    merged = merge_orientations(people, 0.7)
    assert all(any(p is other for other in people) for p in merged)
    assert bool(merged) == bool(people)
    assert merge_orientations(merged, 0.7) == merged


@given(st.floats(-60, 260), st.floats(-60, 180), st.floats(0, 0.5))
def test_a_crop_shows_its_person_where_the_picture_has_them(x: float, y: float, margin: float) -> None:
    image = np.random.default_rng(1).integers(0, 255, (120, 200, 3)).astype(np.uint8)
    pose = Pose(BODY + np.array([x, y], np.float32), np.ones(17, np.float32), 1.0)
    corner, cut = crop_around(pose, image, margin)
    inside = shifted(pose, -corner).xy
    assert (inside >= -1).all()
    assert (inside <= len(cut) + 1).all()
    for px, py in np.round(pose.xy).astype(int):
        if 0 <= px < 200 and 0 <= py < 120 and 0 <= px - corner[0] < len(cut) and 0 <= py - corner[1] < len(cut):
            assert (cut[py - int(corner[1]), px - int(corner[0])] == image[py, px]).all()


def test_agreement_counts_the_keypoints_that_both_have() -> None:
    pose = person(0, 1.0).pose
    half = Pose(np.where(np.arange(17)[:, None] < 8, pose.xy, np.float32("nan")), pose.confidence, 1.0)
    nobody = Pose(np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32), 0.0)
    assert agreement(half, pose, COCO_17) == pytest.approx(1.0)
    assert agreement(person(40, 1.0).pose, pose, COCO_17) < 0.1
    assert agreement(nobody, pose, COCO_17) == 0.0
