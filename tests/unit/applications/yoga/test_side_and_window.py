from __future__ import annotations

import numpy as np

from posemill.applications.yoga.pose_window import PoseWindow
from posemill.applications.yoga.side import side_of
from posemill.pose.skeleton import BODY_12

_HALF = np.array([[10, 100], [15, 140], [15, 180], [5, 200], [5, 250], [5, 300]], np.float32)
STANDING = np.stack([_HALF * (1, 1) + (50, 0), _HALF * (-1, 1) + (50, 0)], 1).reshape(12, 2).astype(np.float32)


def changed(**places: tuple[float, float]) -> np.ndarray:
    pose = STANDING.copy()
    for name, place in places.items():
        pose[BODY_12.index(name)] = place
    return pose


def test_the_bent_knee_gives_the_side() -> None:
    assert side_of(changed(left_knee=(100, 230), left_ankle=(58, 245)), BODY_12, "tree") == "left"
    assert side_of(changed(right_knee=(0, 230), right_ankle=(42, 245)), BODY_12, "tree") == "right"


def test_straight_legs_leave_it_to_the_lower_hand() -> None:
    assert side_of(changed(right_wrist=(35, 20), right_elbow=(35, 60)), BODY_12, "triangle") == "left"
    assert side_of(STANDING, BODY_12, "triangle") is None


def test_a_symmetric_pose_has_no_side() -> None:
    assert side_of(changed(left_knee=(100, 230), left_ankle=(58, 245)), BODY_12, "chair") is None


def test_the_median_forgets_outliers_and_old_poses() -> None:
    window, pose = PoseWindow(1.0), np.c_[STANDING, np.ones(12)].astype(np.float32)
    for t in range(30):
        window.add(t / 10, pose + (500 if t == 25 else 0) * (np.arange(12) == 4)[:, None])
    np.testing.assert_allclose(window.median()[:, :2], STANDING)
    assert len(window.poses) == 11
    assert window.speed() == 0.0


def test_speed_is_in_body_lengths_a_second() -> None:
    window, pose = PoseWindow(1.0), np.c_[STANDING, np.ones(12)].astype(np.float32)
    for t in range(11):
        window.add(t / 10, pose + np.array([20 * t / 10, 0, 0], np.float32))
    assert abs(window.speed() - 20 / 200) < 0.02


def test_a_keypoint_that_is_never_seen_stays_unseen() -> None:
    window, pose = PoseWindow(1.0), np.c_[STANDING, np.ones(12)].astype(np.float32)
    pose[3] = np.nan, np.nan, 0
    window.add(0.0, pose)
    assert np.isnan(window.median()[3, :2]).all()
    assert window.median()[3, 2] == 0
