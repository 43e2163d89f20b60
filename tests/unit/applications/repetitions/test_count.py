from __future__ import annotations

import numpy as np
import pytest

from exercising_bodies import EXERCISES, exercising
from posemill.applications.repetitions import count_repetitions
from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17, Skeleton, conversion_index


@pytest.mark.parametrize("exercise", sorted(EXERCISES))
@pytest.mark.parametrize("period_s", [1.2, 2.5])
def test_any_exercise_is_counted_within_one(exercise: str, period_s: float) -> None:
    poses = exercising(exercise, 8, period_s)
    assert abs(count_repetitions(poses, COCO_17, 30.0).count - 8) <= 1


@pytest.mark.parametrize("fps", [8.0, 15.0, 59.94])
def test_any_frame_rate(fps: float) -> None:
    assert abs(count_repetitions(exercising("squat", 7, 2.0, fps), COCO_17, fps).count - 7) <= 1


def test_an_unknown_frame_rate_is_taken_for_30() -> None:
    poses = exercising("squat", 6)
    assert count_repetitions(poses, COCO_17) == count_repetitions(poses, COCO_17, 30.0)


def test_poses_stretched_to_1_in_every_frame_give_the_same_count() -> None:
    poses = exercising("jumping_jack", 9, 1.5)
    low, high = poses.min(1, keepdims=True), poses.max(1, keepdims=True)
    stretched = (poses - low) / (high - low)
    assert count_repetitions(stretched, COCO_17, 30.0).count == count_repetitions(poses, COCO_17, 30.0).count


def test_a_skeleton_with_more_keypoints_and_depth_counts_the_same() -> None:
    poses = exercising("push_up", 6)
    more = np.zeros((len(poses), 33, 3), np.float32)
    shared = [name for name in COCO_17.keypoints if name in BLAZEPOSE_33.keypoints]
    for name in shared:
        more[:, BLAZEPOSE_33.index(name), :2] = poses[:, COCO_17.index(name)]
    assert (
        count_repetitions(more, BLAZEPOSE_33, 30.0).repetitions == count_repetitions(poses, COCO_17, 30.0).repetitions
    )


def test_times_joint_and_range_of_squats() -> None:
    repetitions = count_repetitions(exercising("squat", 6, 3.0, azimuth_deg=80), COCO_17, 30.0).repetitions
    assert abs(len(repetitions) - 6) <= 1
    middle = repetitions[2]
    assert middle.joint is not None
    assert middle.joint.split("_")[0] in ("knee", "hip", "shoulder")
    assert middle.range_deg is not None
    assert 40 < middle.range_deg < 130
    assert middle.start_s < middle.turning_s < middle.end_s
    assert 2.0 < np.median([r.duration_s for r in repetitions]) < 4.0
    assert 15 < np.median([r.tempo_per_min for r in repetitions]) < 30


def test_nobody_does_nothing() -> None:
    assert count_repetitions(np.zeros((300, 17, 2)), COCO_17, 30.0).count == 0
    assert count_repetitions(np.full((300, 17, 2), np.nan), COCO_17, 30.0).count == 0
    assert count_repetitions(np.zeros((0, 17, 2)), COCO_17, 30.0).count == 0


def test_somebody_who_stands_still_does_nothing() -> None:
    assert count_repetitions(exercising("squat", 0, still_s=(15.0, 15.0)), COCO_17, 30.0).count <= 1


def test_a_pause_is_not_counted() -> None:
    first, second = exercising("squat", 5, still_s=(2.0, 6.0)), exercising("squat", 4, still_s=(6.0, 2.0))
    assert abs(count_repetitions(np.concatenate([first, second]), COCO_17, 30.0).count - 9) <= 2


def test_somebody_who_leaves_has_the_count_of_before() -> None:
    poses = exercising("squat", 6, still_s=(2.0, 1.0))
    gone = np.full((600, 17, 2), np.nan, np.float32)
    assert abs(count_repetitions(np.concatenate([poses, gone]), COCO_17, 30.0).count - 6) <= 1


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="17, 2 or 3"):
        count_repetitions(np.zeros((10, 16, 2)), COCO_17)
    with pytest.raises(InputError, match="fps"):
        count_repetitions(np.zeros((10, 17, 2)), COCO_17, 0.0)
    hands = Skeleton(name="hands", keypoints=("left_wrist", "right_wrist"), edges=(), pairs=(), sigmas=(0.1, 0.1))
    with pytest.raises(SkeletonError, match="no left_shoulder"):
        count_repetitions(np.zeros((10, 2, 2)), hands)
    assert len(conversion_index(COCO_17, COCO_17)) == 17
