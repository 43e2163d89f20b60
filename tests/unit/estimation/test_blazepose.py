"""BlazePose's arithmetic from known answers: anchors, boxes, weighted NMS, rotated squares, heat maps, depth."""

from __future__ import annotations

from dataclasses import replace
from math import atan2, cos, pi, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.backend import as_pose, contained, distinct, without_parts
from posemill.estimation.backends.blazepose.detector import (
    ANCHORS,
    SIDE_PX,
    Detection,
    anchors,
    decode,
    in_picture,
    weighted_nms,
    windows,
)
from posemill.estimation.backends.blazepose.landmarks import KEYPOINTS, Landmarks, refine
from posemill.estimation.backends.blazepose.many import roi_around
from posemill.estimation.backends.blazepose.roi import SCALE, Roi, crop
from posemill.estimation.types import Pose
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17

SIDES = st.floats(20, 900)


def test_anchors_are_the_cells_of_three_grids_in_the_networks_order() -> None:
    every = anchors()
    assert every.shape == (ANCHORS, 2) == (2 * 28 * 28 + 2 * 14 * 14 + 6 * 7 * 7, 2)
    np.testing.assert_allclose(every[0], every[1])  # two in each cell
    np.testing.assert_allclose(every[2], [1.5 / 28, 0.5 / 28])  # x first: rows of cells
    np.testing.assert_allclose(every[2 * 28], [0.5 / 28, 1.5 / 28])
    np.testing.assert_allclose(every[1568 + 2], [1.5 / 14, 0.5 / 14])
    np.testing.assert_allclose(
        every[1960:1966], np.full((6, 2), 0.5 / 7)
    )  # three layers of stride 32 share their cells
    np.testing.assert_allclose(every[-1], [6.5 / 7, 6.5 / 7])


def test_a_box_is_decoded_relative_to_its_anchor() -> None:
    values, logits = np.zeros((ANCHORS, 12), np.float32), np.full(ANCHORS, -9, np.float32)
    number = 1000
    logits[number] = np.log(0.8 / 0.2)
    values[number] = [22.4, -22.4, 44.8, 11.2, 0, 0, 224, 112, -56, 56, 2.24, 4.48]
    (found,) = decode(values, logits, 0.5)
    x, y = anchors()[number]
    assert found.confidence == pytest.approx(0.8)
    np.testing.assert_allclose(found.box, [x + 0.1 - 0.1, y - 0.1 - 0.025, x + 0.1 + 0.1, y - 0.1 + 0.025], atol=1e-6)
    np.testing.assert_allclose(found.points, [[x, y], [x + 1, y + 0.5], [x - 0.25, y + 0.25], [x + 0.01, y + 0.02]])
    assert decode(values, logits, 0.81) == []
    assert decode(values, np.full(ANCHORS, -2000, np.float32), 0.5) == []  # no overflow


def face(confidence: float, left: float, side: float = 10.0, point: float = 0.0) -> Detection:
    box = np.array([left, 0, left + side, side], np.float32)
    return Detection(confidence, box, np.full((4, 2), point, np.float32))


def test_overlapping_faces_become_their_mean_weighted_by_confidence() -> None:
    found = weighted_nms([face(0.6, 2, point=5), face(0.9, 0, point=1), face(0.7, 100), face(0.5, 8)])
    assert [d.confidence for d in found] == [0.9, 0.7, 0.5]  # 8 of 10 px apart is another face
    assert found[0].box[0] == pytest.approx((0.6 * 2 + 0.9 * 0) / 1.5)
    np.testing.assert_allclose(found[0].points, (0.6 * 5 + 0.9 * 1) / 1.5, rtol=1e-6)
    assert found[1].box[0] == 100
    assert weighted_nms([]) == []


def test_faces_without_area_are_kept_apart_and_the_loop_ends() -> None:
    assert len(weighted_nms([face(0.9, 0, side=0), face(0.8, 0, side=0)])) == 2


@given(st.integers(16, 2200), st.integers(16, 2200), st.sampled_from([129, 225, 257, 385, 641, 1025]))
def test_windows_cover_the_picture_and_every_head_is_whole_in_one(height: int, width: int, long_edge: int) -> None:
    whole, *parts = windows(height, width, long_edge)
    assert whole.side_px == max(height, width)
    if long_edge <= 257:
        assert not parts
        return
    side = parts[0].side_px
    assert side == pytest.approx(max(height, width) * SIDE_PX / long_edge)
    head = side / 4  # smaller than the overlap
    for at in np.random.default_rng(0).uniform(0, [width, height], (20, 2)):
        low = np.clip(at - head / 2, 0, None)
        high = np.clip(at + head / 2, None, [width, height])
        corners = [(np.array([w.x_px, w.y_px]) - side / 2, np.array([w.x_px, w.y_px]) + side / 2) for w in parts]
        assert any((low >= first - 1e-3).all() and (high <= last + 1e-3).all() for first, last in corners)


@pytest.mark.parametrize(
    ("head", "angle"), [((0, -1), 0), ((1, 0), pi / 2), ((-1, 0), -pi / 2), ((0.6, -0.8), atan2(0.6, 0.8))]
)
def test_the_square_is_turned_so_that_the_head_is_up(head: tuple[float, float], angle: float) -> None:
    hips = np.array([300, 200], np.float32)
    roi = Roi.from_alignment(hips, hips + 100 * np.array(head, np.float32))
    assert (roi.x_px, roi.y_px) == (300, 200)
    assert roi.side_px == pytest.approx(2 * SCALE * 100, rel=1e-6)
    assert roi.angle_rad == pytest.approx(angle, abs=1e-6)
    np.testing.assert_allclose(roi.to_picture(np.array([0.5, 0.1], np.float32)), hips + 100 * np.array(head), atol=1e-3)


@given(st.floats(-pi, pi, exclude_max=True), SIDES, st.floats(-300, 900), st.floats(-300, 900))
def test_a_square_comes_back_from_its_alignment_points(angle: float, side: float, x: float, y: float) -> None:
    centre = np.array([x, y], np.float32)
    circle = centre + np.array([sin(angle), -cos(angle)], np.float32) * np.float32(side / 2 / SCALE)
    roi = Roi.from_alignment(centre, circle)
    assert abs(roi.angle_rad) <= pi + 1e-9
    assert cos(roi.angle_rad - angle) == pytest.approx(1, abs=1e-4)
    assert roi.side_px == pytest.approx(side, rel=1e-3, abs=1e-2)


@given(st.floats(-pi, pi), st.floats(40, 300), st.floats(0.25, 0.75), st.floats(0.25, 0.75))
def test_a_spot_in_the_crop_is_where_the_square_says(angle: float, side: float, u: float, v: float) -> None:
    roi = Roi(200.0, 150.0, side, angle)
    at = roi.to_picture(np.array([u, v], np.float32))
    y, x = np.mgrid[:300, :400]
    spot = (255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (side / 16) ** 2))).astype(np.uint8)
    square = crop(np.repeat(spot[..., None], 3, 2), roi, 128)[..., 0]
    row, column = np.mgrid[:128, :128]
    found = np.array([(square * column).sum(), (square * row).sum()]) / square.sum() / 128
    np.testing.assert_allclose(found, [u, v], atol=0.02)


def test_outside_the_picture_the_detector_sees_black_and_landmarks_the_border() -> None:
    image = np.full((20, 40, 3), 255, np.uint8)
    assert crop(image, Roi.whole(20, 40), 40, border=0)[0].max() == 0
    assert crop(image, Roi.whole(20, 40), 40)[0].min() == 1
    assert crop(image, Roi.whole(20, 40), 40).dtype == np.float32


def heat_at(row: int, column: int, logit: float = 4.0) -> NDArray[np.float32]:
    heat = np.full((64, 64, 1), -30, np.float32)
    heat[row, column] = logit
    return heat


def test_a_landmark_moves_to_the_heat_in_its_kernel_only() -> None:
    near = np.array([[20.9 / 64, 30.2 / 64]], np.float32)
    np.testing.assert_allclose(refine(near, heat_at(33, 18)), [[18 / 64, 33 / 64]], atol=1e-6)
    np.testing.assert_array_equal(refine(near, heat_at(34, 18)), near)  # four cells off
    two = np.maximum(heat_at(31, 20), heat_at(31, 22))
    np.testing.assert_allclose(refine(near, two), [[21 / 64, 31 / 64]], atol=1e-6)


def test_a_landmark_stays_where_the_heat_is_unsure_or_it_is_outside() -> None:
    at = np.array([[0.5, 0.5]], np.float32)
    np.testing.assert_array_equal(refine(at, heat_at(32, 32, -0.01)), at)
    np.testing.assert_allclose(refine(at, heat_at(32, 33, 0.01)), [[33 / 64, 0.5]], atol=1e-6)
    for outside in ([[-0.1, 0.5]], [[0.5, 1.0]], [[1.2, 0.5]], [[0.5, -0.2]]):
        away = np.array(outside, np.float32)
        np.testing.assert_array_equal(refine(away, heat_at(32, 32)), away)
    edge = np.array([[0.001, 0.999]], np.float32)
    np.testing.assert_allclose(refine(edge, heat_at(63, 0)), [[0, 63 / 64]], atol=1e-6)


def person(scale_px: float = 200.0, x: float = 300.0, y: float = 200.0, seed: int = 0) -> Landmarks:
    """A body in metres seen by weak perspective, `scale_px` pixels a metre."""
    world = np.random.default_rng(seed).normal(0, 0.4, (KEYPOINTS, 3)).astype(np.float32)
    xy = (world[:, :2] * scale_px + [x, y]).astype(np.float32)
    likely = np.linspace(0.2, 1, KEYPOINTS, dtype=np.float32)
    roi = Roi(x, y, 400.0, 0.0)
    return Landmarks(xy, likely, likely[::-1].copy(), world, 0.9, roi, roi)


@given(st.floats(20, 900))
def test_depth_is_in_pixels_as_x_and_y_are(scale_px: float) -> None:
    body = person(scale_px)
    assert body.px_per_m == pytest.approx(scale_px, rel=1e-3)
    np.testing.assert_allclose(body.z, body.world_m[:, 2] * scale_px, rtol=2e-3, atol=1e-3)


def test_a_pose_is_masked_outside_the_picture_in_z_too() -> None:
    image, body = np.zeros((400, 600, 3), np.uint8), person(900.0)
    pose = as_pose(body, image, 0.0)
    assert pose.z is not None
    hidden = np.isnan(pose.xy[:, 0])
    assert 0 < hidden.sum() < KEYPOINTS
    np.testing.assert_array_equal(np.isnan(pose.z), hidden)
    assert pose.z.dtype == np.float32
    np.testing.assert_allclose(pose.confidence[~hidden], np.minimum(body.visibility, body.presence)[~hidden])
    assert pose.confidence[hidden].max() == 0
    unsure = as_pose(person(), image, 0.5)
    assert np.isnan(unsure.xy[:, 0]).sum() == (np.minimum(body.visibility, body.presence) < 0.5).sum()


def test_one_person_comes_once_and_two_come_twice() -> None:
    first, again, other = person(), person(x=303.0), person(x=700.0, seed=1)
    assert distinct([first, again, other]) == [first, other]
    assert distinct([]) == []


def test_a_body_seen_in_somebodys_limbs_is_dropped_but_nobody_found_in_the_whole_picture() -> None:
    large, small, beside = person(300.0), person(60.0), person(60.0, x=1500.0)
    assert contained(small, large) == pytest.approx(1)
    assert contained(large, small) < 0.2
    assert without_parts([small, large, beside], []) == [large, beside]
    assert without_parts([large, small], [large, small]) == [large, small]
    assert without_parts([small, large], [small]) == [small, large]


def test_a_detection_is_zoomed_when_no_part_of_it_comes_from_the_whole_picture() -> None:
    whole, window = face(0.6, 1), replace(face(0.9, 0), zoomed=True)
    assert [d.zoomed for d in weighted_nms([window, replace(face(0.8, 50), zoomed=True)])] == [True, True]
    assert [d.zoomed for d in weighted_nms([window, whole])] == [False]


def standing(x: float, y: float, size: float, sideways: bool = False) -> Pose:
    """A COCO pose whose trunk is `size` pixels: nose above, ankles below."""
    rows = {"shoulder": 1.0, "elbow": 0.5, "wrist": 0.1, "hip": 0.0, "knee": -0.8, "ankle": -1.6}
    xy = np.full((17, 2), np.nan, np.float32)
    xy[COCO_17.index("nose")] = 0, -1.5 * size
    for name, up in rows.items():
        for sign, side in ((1, "left"), (-1, "right")):
            xy[COCO_17.index(f"{side}_{name}")] = 0.2 * sign * size, -up * size
    if sideways:
        xy = np.stack([-xy[:, 1], xy[:, 0]], -1)
    return Pose(xy + np.array([x, y], np.float32), np.where(np.isnan(xy[:, 0]), 0, 0.9).astype(np.float32), 0.9)


def test_the_square_around_another_networks_pose_holds_the_body_upright() -> None:
    for sideways in (False, True):
        roi = roi_around(standing(300, 200, 60, sideways))
        assert roi is not None
        assert (roi.x_px, roi.y_px) == pytest.approx((300, 200), abs=1e-3)
        assert roi.angle_rad == pytest.approx(pi / 2 if sideways else 0, abs=1e-5)
        assert roi.side_px > 2 * 1.6 * 60
    far = standing(300, 200, 60)
    far.confidence[COCO_17.index("left_ankle")] = 0.05
    far.xy[COCO_17.index("left_ankle")] = 5000, 5000  # not sure: does not count
    near = roi_around(far)
    assert near is not None
    assert near.side_px < 600


def test_there_is_no_square_without_a_trunk() -> None:
    for part in ("hip", "shoulder"):
        pose = standing(300, 200, 60)
        pose.xy[COCO_17.index(f"left_{part}")] = np.nan
        assert roi_around(pose) is None
    assert roi_around(standing(300, 200, 1)) is None


def test_a_detection_is_mapped_to_the_picture_from_a_window() -> None:
    mapped = in_picture(
        Detection(0.9, np.array([0, 0, 1, 0.5], np.float32), np.full((4, 2), 0.5, np.float32)), Roi(150, 90, 100, 0.0)
    )
    np.testing.assert_allclose(mapped.box, [100, 40, 200, 90])
    np.testing.assert_allclose(mapped.points, np.tile([150, 90], (4, 1)))


def test_the_skeleton_has_heels_and_toes() -> None:
    assert {f"{side}_{part}" for side in ("left", "right") for part in ("heel", "foot_index")} <= set(
        BLAZEPOSE_33.keypoints
    )
