"""Bodies that move: limb lengths, contact with the floor, sides, variation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.synth.activities import ACTIVITIES, move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.motion import Motion, Style, repetitions, rise, wander
from posemill.synth.rotation import about, turn

TIME_S = np.arange(60) / 20
ABOVE = ("pull_up", "get_out_of_bed", "cycle")  # hang, lie on a bed, ride


def take(activity: str, seed: int = 0) -> tuple[Body, Rig]:
    rng = np.random.default_rng(seed)
    body, style = Body.random(rng), Style.random(rng)
    return body, rig(body, move(activity, TIME_S, style, rng))


def between(posed: Rig, a: str, b: str) -> np.ndarray:
    return np.linalg.norm(posed.points[a] - posed.points[b], axis=-1)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_bones_keep_their_length(activity: str) -> None:
    body, posed = take(activity)
    for side in ("left", "right"):
        np.testing.assert_allclose(between(posed, f"{side}_shoulder", f"{side}_elbow"), body.upper_arm)
        np.testing.assert_allclose(between(posed, f"{side}_elbow", f"{side}_wrist"), body.forearm)
        np.testing.assert_allclose(between(posed, f"{side}_hip", f"{side}_knee"), body.thigh)
        np.testing.assert_allclose(between(posed, f"{side}_knee", f"{side}_ankle"), body.shank)
    np.testing.assert_allclose(between(posed, "left_hip", "right_hip"), 2 * body.hip)
    assert np.ptp(between(posed, "left_eye", "right_ear")) < 1e-9


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_nothing_sinks_into_the_floor_and_something_stands_on_it(activity: str) -> None:
    _, posed = take(activity, 3)
    lowest = posed.keypoints()[..., 1].min(1)
    assert lowest.min() > 0
    assert (lowest.min() < 0.12) == (activity not in ABOVE)


def test_a_body_at_rest_stands_upright_with_its_left_at_plus_x() -> None:
    body = Body.random(np.random.default_rng(1))
    posed = rig(body, Motion(TIME_S[:1]))
    place = {name: posed.points[name][0] for name in COCO_17.keypoints}
    assert place["nose"][1] > place["left_shoulder"][1] > place["left_hip"][1] > place["left_knee"][1]
    assert place["nose"][2] > place["left_ear"][2]  # it faces +z
    for left, right in COCO_17.pairs:
        np.testing.assert_allclose(place[left] * (-1, 1, 1), place[right], atol=1e-9)
        assert place[left][0] > 0
    top = posed.points["head"][0, 1] + 0.066 * body.height * body.head
    assert top == pytest.approx(body.height, rel=0.06)


def test_known_angles() -> None:
    body = Body.random(np.random.default_rng(1))
    motion = Motion(TIME_S[:1])
    motion.add(left_arm_abduct=90.0, right_arm_flex=90.0, left_hip_flex=90.0, left_knee=90.0)
    points = rig(body, motion).points
    arm = points["left_wrist"][0] - points["left_shoulder"][0]
    np.testing.assert_allclose(arm, [body.upper_arm + body.forearm, 0, 0], atol=1e-9)
    arm = points["right_wrist"][0] - points["right_shoulder"][0]
    np.testing.assert_allclose(arm, [0, 0, body.upper_arm + body.forearm], atol=1e-9)
    leg = points["left_ankle"][0] - points["left_hip"][0]
    np.testing.assert_allclose(leg, [0, -body.shank, body.thigh], atol=1e-9)


def test_activities_do_what_they_say() -> None:
    _, squatting = take("squat")
    assert np.ptp(squatting.points["pelvis"][:, 1]) > 0.25
    _, jumping = take("jumping_jack")
    hands = jumping.points["left_wrist"][:, 1] - jumping.points["nose"][:, 1]
    assert hands.max() > 0 > hands.min()
    assert np.ptp(between(jumping, "left_ankle", "right_ankle")) > 0.3
    _, walking = take("walk")
    assert np.ptp(walking.points["pelvis"][:, 2]) > 2
    _, falling = take("fall")
    assert falling.points["neck"][0, 1] > 1.0 > 0.5 > falling.points["neck"][-1, 1]
    _, sitting = take("sit")
    assert 0.35 < sitting.points["pelvis"][-1, 1] < 0.65 < sitting.points["pelvis"][0, 1]
    for lying in ("push_up", "plank"):
        _, posed = take(lying)
        assert posed.points["neck"][:, 1].max() < 0.8
        assert np.abs(posed.points["left_toe"][:, 1] - 0.03).max() < 0.08


def test_a_held_plank_hardly_moves_and_push_ups_do() -> None:
    def travel(activity: str) -> float:
        return float(np.mean([np.ptp(take(activity, seed)[1].points["neck"][:, 1]) for seed in range(4)]))

    assert travel("push_up") > 3 * travel("plank")


def test_the_same_generator_gives_the_same_motion_and_another_gives_another() -> None:
    a, b, c = (take("squat", seed)[1].keypoints() for seed in (5, 5, 6))
    assert (a == b).all()
    assert np.abs(a - c).max() > 0.05


def test_unknown_activity() -> None:
    with pytest.raises(InputError, match=r"unknown activity 'yoga'; known are idle, walk"):
        move("yoga", TIME_S, Style(1, 1, 0, 0, 1), np.random.default_rng(0))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), period_s=st.floats(0.5, 3.0))
def test_repetitions_are_many_bounded_and_not_alike(seed: int, period_s: float) -> None:
    time_s = np.arange(2000) / 100
    value, number = repetitions(np.random.default_rng(seed), time_s, period_s)
    assert 0 <= value.min() <= value.max() <= 1.04
    assert number[-1] + 1 == pytest.approx(20 / period_s, rel=0.25, abs=3)
    heights = [value[number == n].max() for n in range(1, int(number[-1]))]
    assert np.std(heights) > 0


def test_small_curves() -> None:
    assert rise(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), 1.0, 1.0).tolist() == [0, 0, 0.5, 1, 1]
    curve = wander(np.random.default_rng(0), np.arange(10_000) / 50, 3.0)
    assert curve.std() == pytest.approx(3.0, rel=0.1)


def test_rotations_are_right_handed() -> None:
    quarter = np.pi / 2
    np.testing.assert_allclose(turn(about(0, quarter), (0, 1, 0)), [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turn(about(1, quarter), (0, 0, 1)), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(turn(about(2, quarter), (1, 0, 0)), [0, 1, 0], atol=1e-12)
