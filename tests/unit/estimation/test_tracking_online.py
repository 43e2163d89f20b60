"""Online tracking: numbers that stay, flickers without one, and memory that does not grow."""

from __future__ import annotations

import numpy as np

from posemill.estimation.tracking import OnlineTracker, Tracker
from posemill.estimation.types import FramePoses, Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.skeleton import COCO_17

FPS = 25
BODY = np.random.default_rng(0).uniform(0, 100, (17, 2))


def pose(x: float) -> Pose:
    return Pose((BODY + np.array([x, 50])).astype(np.float32), np.ones(17, np.float32), 0.9)


def frames(people: list[list[float | None]]) -> list[FramePoses]:
    """Frames of people at these x, one list a frame; None = not found."""
    return [FramePoses(n, n / FPS, [pose(x) for x in row if x is not None]) for n, row in enumerate(map(list, people))]


def test_two_people_who_walk_past_each_other_keep_their_numbers() -> None:
    rows = [[100 + 4 * n, 800 - 4 * n] for n in range(60)]
    tracker = OnlineTracker(COCO_17, TrackingParams(min_poses=3))
    seen = [tracker.update(frame) for frame in frames(rows)]
    assert [len(people) for people in seen[:3]] == [0, 0, 2]  # a number with the third pose
    left = next(n for n, found in seen[2].items() if np.nanmean(found.xy[:, 0]) < 400)
    for n in (20, 59):
        assert abs(float(np.mean(seen[n][left].xy[:, 0])) - float(np.mean(BODY[:, 0])) - (100 + 4 * n)) < 1


def test_a_flicker_gets_no_number() -> None:
    tracker = OnlineTracker(COCO_17, TrackingParams(min_poses=3))
    rows = [[100.0, 900.0 if n in (4, 5) else None] for n in range(20)]
    assert {n for frame in frames(rows) for n in tracker.update(frame)} == {0}


def test_who_is_lost_for_long_comes_back_as_somebody_new() -> None:
    tracker = OnlineTracker(COCO_17, TrackingParams(min_poses=1, max_gap_s=0.4))
    rows = [[None if 10 <= n < 30 else 100.0] for n in range(40)]
    numbers = [sorted(tracker.update(frame)) for frame in frames(rows)]
    assert numbers[9] == [0]
    assert numbers[-1] == [1]


def test_people_are_those_of_the_tracker_that_sees_the_whole_video() -> None:
    rows = [[100 + 3 * n, 700.0] for n in range(40)]
    whole, online = Tracker(COCO_17, TrackingParams()), OnlineTracker(COCO_17, TrackingParams())
    last: dict[int, Pose] = {}
    for frame in frames(rows):
        whole.update(frame.frame, frame.time_s, frame.poses)
        last = online.update(frame)
    of_whole = sorted(float(track.xy[-1].mean()) for track in whole.tracks())
    assert of_whole == sorted(float(found.xy.mean()) for found in last.values())


def test_memory_does_not_grow() -> None:
    tracker = OnlineTracker(COCO_17, TrackingParams(min_poses=1, max_gap_s=0.2))
    for n in range(400):  # somebody new every second
        tracker.update(FramePoses(n, n / FPS, [pose(1000.0 * (n // FPS))]))
        inner = tracker._tracker
        assert len(inner.active) <= 2
        assert len(inner._all) <= 2
        assert all(len(tracklet.poses) == 1 for tracklet in inner.active)
        assert len(tracker._number) <= 2
