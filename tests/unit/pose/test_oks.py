"""OKS against values worked out by hand from COCO's definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17

TRUTH = np.random.default_rng(0).uniform(0, 100, (17, 2)).astype(np.float32)


def test_equal_poses_agree_fully() -> None:
    assert oks(TRUTH, TRUTH, 1000.0, COCO_17) == 1.0


def test_one_keypoint_off_by_its_own_spread() -> None:
    area = 2500.0
    moved = TRUTH.copy()
    moved[0, 0] += 2 * COCO_17.sigmas[0] * np.sqrt(area)  # exp(-1/2) for the nose, 1 for 16 others
    assert np.isclose(oks(moved, TRUTH, area, COCO_17), (np.exp(-0.5) + 16) / 17, atol=1e-6)


def test_unseen_truth_is_not_judged_and_unseen_prediction_counts_zero() -> None:
    truth, predicted = TRUTH.copy(), TRUTH.copy()
    truth[:7] = np.nan
    predicted[7:12] = np.nan
    assert np.isclose(oks(predicted, truth, 1000.0, COCO_17), 0.5)
    assert np.isnan(oks(predicted, np.full_like(truth, np.nan), 1000.0, COCO_17))


def test_box_area() -> None:
    xy = np.array([[0, 0], [4, 5], [np.nan, np.nan]], np.float32)
    assert box_area(xy) == 20
    assert box_area(np.full((3, 2), np.nan, np.float32)) == 0


@given(st.floats(0.1, 100), st.floats(0.5, 4))
def test_scale_does_not_matter(shift: float, scale: float) -> None:
    moved = TRUTH + np.float32(shift)
    one = oks(moved, TRUTH, 900.0, COCO_17)
    other = oks(moved * np.float32(scale), TRUTH * np.float32(scale), 900.0 * scale**2, COCO_17)
    assert np.isclose(one, other, atol=1e-4)
