"""Tracking people whose paths are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.tracking import Tracker
from posemill.estimation.types import Pose
from posemill.params.label import TrackingParams
from posemill.pose.skeleton import COCO_17

# someone who stands, 60 x 180 pixels
STANDING = np.array(
    [
        [30, 8],
        [33, 5],
        [27, 5],
        [36, 8],
        [24, 8],
        [45, 35],
        [15, 35],
        [52, 65],
        [8, 65],
        [55, 95],
        [5, 95],
        [40, 95],
        [20, 95],
        [41, 135],
        [19, 135],
        [42, 178],
        [18, 178],
    ],
    np.float32,
)
FPS = 25.0


def pose(x: float, y: float = 0.0, size: float = 1.0) -> Pose:
    xy = (STANDING * np.float32(size) + np.array([x, y], np.float32)).astype(np.float32)
    return Pose(xy, np.full(17, 0.5, np.float32), 0.5)


def follow(frames: list[list[Pose]], fps: float = FPS, params: TrackingParams | None = None) -> Tracker:
    tracker = Tracker(COCO_17, params or TrackingParams())
    for number, poses in enumerate(frames):
        tracker.update(number, number / fps, poses)
    return tracker


def noses(tracker: Tracker) -> list[NDArray[np.float32]]:
    return [track.xy[:, 0, 0] for track in tracker.tracks()]


def test_two_people_who_walk_through_each_other_keep_their_numbers() -> None:
    order = np.random.default_rng(0)
    frames = []
    for number in range(50):
        both = [pose(10 * number, 0, 1.1), pose(500 - 10 * number, 20, 1.0)]
        frames.append([both[i] for i in order.permutation(2)])
    tall, small = noses(follow(frames))
    assert np.diff(tall) == pytest.approx(np.full(49, 10), abs=0.01)
    assert np.diff(small) == pytest.approx(np.full(49, -10), abs=0.01)


def test_someone_hidden_for_a_moment_is_the_same_person_after_it() -> None:
    frames = [[pose(4 * n)] if not 20 <= n < 30 else [] for n in range(50)]
    (track,) = follow(frames).tracks()
    assert len(track) == 40
    assert track.frame.tolist() == [*range(20), *range(30, 50)]


def test_someone_away_for_long_comes_back_as_another() -> None:
    frames = [[pose(4 * n)] if not 20 <= n < 90 else [] for n in range(120)]
    assert [len(t) for t in follow(frames).tracks()] == [30, 20]


def test_a_walker_behind_furniture_for_a_second_and_a_half_is_the_same_person() -> None:
    frames = [[pose(4 * n)] if not 20 <= n < 58 else [] for n in range(90)]
    (track,) = follow(frames).tracks()
    assert track.frame.tolist() == [*range(20), *range(58, 90)]


def test_two_who_walk_towards_each_other_behind_furniture_come_out_as_who_they_were() -> None:
    frames = [
        [pose(6 * n), pose(500 - 6 * n)] if not 25 <= n < 60 else [] for n in range(85)
    ]  # they meet behind it, and come out where the other went in
    assert [np.sign(np.diff(nose)).tolist() for nose in noses(follow(frames))] == [[1.0] * 49, [-1.0] * 49]


def test_a_second_pose_of_somebody_does_not_take_over() -> None:
    frames = [[pose(2 * n), *([pose(2 * n + 40, 40)] if n in (30, 31) else [])] for n in range(60)]
    frames[32:] = [[pose(2 * n + 20, 20)] for n in range(32, 60)]  # then one again, halfway between both
    (track,) = follow(frames).tracks()
    assert track.frame.tolist() == list(range(60))


def test_whoever_enters_where_another_left_is_somebody_else() -> None:
    frames = [[pose(6 * n)] if n < 30 else [pose(6 * (90 - n))] if n >= 48 else [] for n in range(75)]
    assert [len(track) for track in follow(frames).tracks()] == [30, 27]


def test_ten_frames_a_second_are_enough_for_a_run() -> None:
    (track,) = follow([[pose(45 * n)] for n in range(20)], fps=10).tracks()
    assert len(track) == 20


def test_a_flicker_is_nobody() -> None:
    frames = [[pose(0), *([pose(300)] if n == 7 else [])] for n in range(25)]
    assert len(follow(frames).tracks()) == 1


def test_the_largest_and_longest_comes_first() -> None:
    frames = [[pose(600, 0, 0.5), pose(0, 0, 2), *([pose(300)] if n < 10 else [])] for n in range(25)]
    tracks = follow(frames).tracks()
    assert [t.person for t in tracks] == [0, 1, 2]
    heights = [float(np.ptp(t.xy[0, :, 1])) for t in tracks]
    assert heights[0] > heights[2] > heights[1]  # twice the size; half the size, always there; there for a moment


def test_a_picture_of_one_frame_keeps_its_people() -> None:
    assert len(follow([[pose(0), pose(300)]]).tracks()) == 2


def test_nobody_at_all() -> None:
    nothing = Pose(np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32), 0.0)
    assert follow([[], [nothing], []]).tracks() == ()


def test_unseen_keypoints_do_not_break_a_track() -> None:
    frames = []
    for number in range(30):
        found = pose(5 * number)
        hidden = np.arange(17) % 3 == number % 3
        found.xy[hidden], found.confidence[hidden] = np.nan, 0
        frames.append([found])
    (track,) = follow(frames).tracks()
    assert len(track) == 30


def test_depth_goes_into_the_track_and_over_short_gaps() -> None:
    def deep(x: float) -> Pose:
        return replace(pose(x), z=(STANDING[:, 1] + np.float32(x)).astype(np.float32))

    frames = [[deep(4 * n)] if n != 20 else [] for n in range(40)]
    (track,) = follow(frames).tracks()
    assert track.z is not None
    np.testing.assert_allclose(track.z, STANDING[:, 1] + 4 * track.frame[:, None], rtol=1e-4)
    assert follow([[pose(4 * n)] for n in range(40)]).tracks()[0].z is None
