"""Exercises with form faults: exact angles that show the fault, and activities that stay as they were."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.applications.coach.measures import KINDS, Seen
from posemill.errors import InputError
from posemill.synth.activities import move
from posemill.synth.exercise_faults import FAULTS, perform
from posemill.synth.motion import Style


def measured(exercise: str, fault: str | None, kind: str, *points: str) -> np.ndarray:
    space = np.concatenate([perform(exercise, fault, seed).rig.keypoints()[..., [2, 1, 0]] for seed in range(6)])
    return KINDS[kind].function(Seen(space, np.ones(len(space), bool)), *points)


def test_hips_go_up_and_down() -> None:
    low, none, high = (
        measured("plank", f, "bend", "shoulder", "hip", "ankle") for f in ("hips_low", None, "hips_high")
    )
    assert np.median(low) < 170 < np.median(none) < 195 < np.median(high)


def test_ranges_are_halved() -> None:
    assert measured("push_up", "half_range", "angle", "shoulder", "elbow", "wrist").min() > 115
    assert measured("push_up", None, "angle", "shoulder", "elbow", "wrist").min() < 100
    assert measured("squat", "shallow", "angle", "hip", "knee", "ankle").min() > 105
    assert measured("squat", None, "angle", "hip", "knee", "ankle").min() < 80


def test_knees_fall_inward_and_beyond_the_toes() -> None:
    names = ("left_knee", "right_knee", "left_ankle", "right_ankle")
    assert np.percentile(measured("squat", "knees_inward", "width_ratio", *names), 10) < 0.6
    assert np.percentile(measured("squat", None, "width_ratio", *names), 10) > 0.7
    assert measured("lunge", "knee_over_toe", "ahead", "front_knee", "front_ankle").max() > 0.14
    assert measured("lunge", None, "ahead", "front_knee", "front_ankle").max() < 0.1


def test_the_same_seed_gives_the_same_performance() -> None:
    for exercise, faults in FAULTS.items():
        for fault in faults:
            one, two = (perform(exercise, fault, 3, duration_s=1.0).rig.keypoints() for _ in range(2))
            np.testing.assert_array_equal(one, two)
            assert not np.array_equal(one, perform(exercise, None, 3, duration_s=1.0).rig.keypoints())


def test_activities_are_as_before() -> None:
    """A fault changes a motion after the activity wrote it: the activity itself is untouched."""
    style = Style(1, 1, 0, 0, 1)
    before = move("plank", np.arange(10) / 10, style, np.random.default_rng(1)).channels["left_hip_flex"]
    perform("plank", "hips_high", 1)
    after = move("plank", np.arange(10) / 10, style, np.random.default_rng(1)).channels["left_hip_flex"]
    np.testing.assert_array_equal(before, after)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="hips_high, hips_low"):
        perform("plank", "knees_inward", 1)
    with pytest.raises(InputError, match="burpee"):
        perform("burpee", None, 1)
