"""One fault planted in clean motion is found where it is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posemill.pose.signals import Signal, fault_intervals, signals
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack
from posemill.synth.activities import USUAL
from posemill.synth.corpus import Plan, stage

HEIGHT = 200.0
AT = 40  # where faults are planted


def walker(fps: float = 30.0, frames: int = 90, speed: float = 0.8, swing: float = 0.12, jitter: float = 0.003):
    """Somebody who walks by, seen from the side: arms and legs swing, left and right pass each other."""
    time_s = np.arange(frames) / fps
    high = {
        "nose": 0,
        "eye": -0.02,
        "ear": 0,
        "shoulder": 0.18,
        "elbow": 0.36,
        "wrist": 0.52,
        "hip": 0.5,
        "knee": 0.75,
        "ankle": 1.0,
    }
    reach = {"elbow": 0.5, "wrist": 1.0, "knee": 0.6, "ankle": 1.2}
    xy = np.zeros((frames, 17, 2))
    for k, name in enumerate(COCO_17.keypoints):
        part = name.removeprefix("left_").removeprefix("right_")
        side = 1 if name.startswith("left") else -1 if name.startswith("right") else 0
        xy[:, k, 0] = speed * time_s + 0.03 * side + side * swing * reach.get(part, 0) * np.sin(2 * np.pi * time_s)
        xy[:, k, 1] = high[part] + 0.01 * np.abs(np.sin(2 * np.pi * time_s))
    xy += np.random.default_rng(0).normal(0, jitter, xy.shape)
    return track_of(xy * HEIGHT + [100, 60], time_s)


def track_of(xy: np.ndarray, time_s: np.ndarray, confidence: np.ndarray | None = None) -> PoseTrack:
    frames = np.arange(len(xy), dtype=np.int32)
    sure = np.full(xy.shape[:2], 0.8, np.float32) if confidence is None else confidence.astype(np.float32)
    sure[np.isnan(xy[..., 0])] = 0
    return PoseTrack(COCO_17, 0, frames, time_s, xy.astype(np.float32), sure, np.zeros(len(xy), np.uint8))


def found(track: PoseTrack) -> dict[Signal, list[int]]:
    return {name: np.flatnonzero(v >= 1).tolist() for name, v in signals(track).items() if (v >= 1).any()}


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("swing", [0.0, 0.12, 0.25])
def test_clean_motion_has_no_fault(fps: float, swing: float) -> None:
    assert found(walker(fps, int(3 * fps), swing=swing)) == {}


@pytest.mark.parametrize("activity", USUAL)  # a hand with a racket is as fast as a fault
def test_synthetic_people_have_no_fault(activity: str) -> None:
    for subject in range(4):
        assert found(stage(Plan(seed=3, subject=subject, activity=activity, take=0)).truth) == {}


def test_a_keypoint_that_jumps_for_one_pose() -> None:
    track = walker()
    track.xy[AT, COCO_17.index("left_wrist")] += [0.35 * HEIGHT, 0]
    assert found(track) == {Signal.VELOCITY_SPIKE: [AT], Signal.BONE_JUMP: [AT]}


def test_a_bone_that_grows_is_found_where_it_begins_to() -> None:
    track = walker()
    track.xy[AT : AT + 20, COCO_17.index("right_ankle"), 1] += 0.4 * HEIGHT
    track.xy[AT : AT + 20, COCO_17.index("right_knee"), 1] += 0.02 * HEIGHT
    faults = found(track)
    assert faults[Signal.BONE_JUMP] == [AT, AT + 20]
    assert set(faults) <= {Signal.BONE_JUMP, Signal.VELOCITY_SPIKE}


@pytest.mark.parametrize(("length", "where"), [(1, [AT]), (2, [AT]), (12, [AT, AT + 12])])
def test_sides_that_change_places(length: int, where: list[int]) -> None:
    """Exchanged for a moment: where it begins; for long: also where they change back."""
    track = walker(swing=0.25)
    flip = COCO_17.flip_index
    track.xy[AT : AT + length] = track.xy[AT : AT + length][:, flip]
    assert found(track)[Signal.SIDE_SWAP] == where


def test_low_confidence() -> None:
    track = walker()
    track.confidence[AT : AT + 5] = 0.3
    assert found(track) == {Signal.LOW_CONFIDENCE: list(range(AT, AT + 5))}
    assert (signals(track, usual_confidence=0.3)[Signal.LOW_CONFIDENCE] == 0).all()


def test_unseen_keypoints_have_no_confidence_and_no_other_fault() -> None:
    track = walker()
    track.xy[AT : AT + 3, 5:] = np.nan
    track.confidence[AT : AT + 3, 5:] = 0
    assert found(track) == {Signal.LOW_CONFIDENCE: [AT, AT + 1, AT + 2]}


@pytest.mark.parametrize("length", [1, 50])
def test_another_person_stands_elsewhere(length: int) -> None:
    track = walker()
    track.xy[AT : AT + length] += np.float32(0.9 * HEIGHT)
    faults = found(track)
    assert faults[Signal.IDENTITY_SWITCH] == [AT]
    assert set(faults) <= {Signal.IDENTITY_SWITCH, Signal.VELOCITY_SPIKE}


def test_another_person_is_of_another_size() -> None:
    track = walker()
    middle = track.xy[AT:].mean(1, keepdims=True)
    track.xy[AT:] = middle + (track.xy[AT:] - middle) * np.float32(0.55)
    assert AT in found(track)[Signal.IDENTITY_SWITCH]


def test_another_person_after_a_gap() -> None:
    track = walker(speed=0.0)
    track.time_s[AT:] += 0.8
    assert found(track) == {}
    track.xy[AT:] += [3 * HEIGHT, 0]
    assert found(track) == {Signal.IDENTITY_SWITCH: [AT]}


def test_size_and_place_do_not_matter() -> None:
    track = walker()
    track.xy[AT, 9] += [0.35 * HEIGHT, 0]
    for scale in (0.3, 4.0):
        scaled = replace(track, xy=(track.xy * np.float32(scale) + np.float32(500)))
        for name, values in signals(scaled).items():
            np.testing.assert_allclose(values, signals(track)[name], atol=0.05)


def test_stretches_join_what_is_close_and_name_the_worst() -> None:
    track = walker()
    track.xy[AT, 9] += [0.35 * HEIGHT, 0]
    track.xy[AT + 6, 9] += [0.5 * HEIGHT, 0]
    track.confidence[5:8] = 0.1
    first, second = fault_intervals(track)
    assert (first.start_s, first.reasons) == (pytest.approx(5 / 30), (Signal.LOW_CONFIDENCE,))
    assert (second.start_s, second.end_s, second.worst_s) == pytest.approx((AT / 30, (AT + 6) / 30, (AT + 6) / 30))
    assert set(second.reasons) == {Signal.VELOCITY_SPIKE, Signal.BONE_JUMP}
    assert second.priority > first.priority >= 1


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_tracks(frames: int) -> None:
    track = walker(frames=90).between(0, (frames - 0.5) / 30)
    assert all(v.shape == (frames,) for v in signals(track).values())
    assert fault_intervals(track) == []


def test_other_skeletons() -> None:
    assert found(walker().to(BODY_12)) == {}
