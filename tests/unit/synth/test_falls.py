"""Falls: bodies are down at the recorded impact, lie level after it, and stand again where it says so."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.synth.body import Body, Rig, rig
from posemill.synth.corpus import Plan, stage
from posemill.synth.everyday import FALLING, STILL
from posemill.synth.falls import FALLS, WAYS, fall_script
from posemill.synth.motion import FallMoments, Motion, Style, finish
from posemill.synth.script import Script

RATE = 40


def take(kind: str, seed: int, rises: bool = False) -> tuple[Body, Rig, FallMoments, np.ndarray]:
    rng = np.random.default_rng(seed)
    body, style = Body.random(rng), Style.random(rng)
    script = fall_script(kind, rng, 0.5, 3.0, rises)
    motion = Motion(np.arange(0, script.now, 1 / RATE))
    script.fill(motion)
    finish(motion, style, rng)
    (moments,) = motion.falls
    return body, rig(body, motion), moments, motion.time_s


def level(posed: Rig) -> np.ndarray:
    """Degrees of the trunk from the vertical."""
    trunk = posed.points["neck"] - posed.points["pelvis"]
    return np.rad2deg(np.arccos(trunk[:, 1] / np.linalg.norm(trunk, axis=-1)))


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("seed", range(4))
def test_the_pelvis_is_down_at_the_recorded_impact_and_not_before_the_fall(kind: str, seed: int) -> None:
    body, posed, fall, _ = take(kind, seed)
    height = posed.points["pelvis"][:, 1] / body.height
    at = {name: round(t * RATE) for name, t in (("start", fall.start_s), ("impact", fall.impact_s))}
    seat = 0.25 if kind in ("fall_from_chair", "fall_from_bed") else 0.45
    assert height[at["start"]] > seat
    assert 0.35 < fall.impact_s - fall.start_s < 3.0
    after = slice(at["impact"] + 2, at["impact"] + 3 * RATE)
    assert height[after].max() < 0.17
    # most of the way down is in the last half second: it is a fall and no lying down
    before = height[max(at["impact"] - RATE // 2, at["start"])]
    assert before - height[at["impact"] + 2] > 0.05


@pytest.mark.parametrize("kind", [k for k in WAYS if k not in ("wall_slide", "fall_from_chair")])
def test_the_trunk_is_level_after_the_impact(kind: str) -> None:
    for seed in range(4):
        _, posed, fall, _ = take(kind, seed)
        assert level(posed)[int((fall.impact_s + 1) * RATE)] > 60


@pytest.mark.parametrize("kind", WAYS)
def test_bodies_do_not_sink_below_the_floor_and_bones_keep_their_length(kind: str) -> None:
    for seed in range(3):
        body, posed, _, _ = take(kind, seed, rises=True)
        assert min(float(place[:, 1].min()) for place in posed.points.values()) > -0.005
        for side in ("left", "right"):
            for a, b, length in (("shoulder", "elbow", body.upper_arm), ("elbow", "wrist", body.forearm)):
                bone = posed.points[f"{side}_{a}"] - posed.points[f"{side}_{b}"]
                np.testing.assert_allclose(np.linalg.norm(bone, axis=-1), length)


@pytest.mark.parametrize("kind", WAYS)
def test_who_gets_up_stands_at_the_recorded_time(kind: str) -> None:
    body, posed, fall, _ = take(kind, 5, rises=True)
    assert fall.rise_s is not None
    assert fall.upright_s is not None
    assert fall.impact_s < fall.rise_s < fall.upright_s
    assert posed.points["pelvis"][int(fall.rise_s * RATE), 1] < 0.2 * body.height
    assert posed.points["pelvis"][int(np.ceil(fall.upright_s * RATE)), 1] > 0.45 * body.height
    assert level(posed)[int(np.ceil(fall.upright_s * RATE))] < 20


def test_a_body_moves_smoothly() -> None:
    """No part jumps: not where a posture is written in other channels, nor anywhere else."""
    for kind in WAYS:
        for seed in range(3):
            _, posed, _, _ = take(kind, seed, rises=True)
            for part, limit in (("pelvis", 5.5), ("head", 9)):  # metres a second; 5.4 is a free fall from 1.5 m
                steps = np.linalg.norm(np.diff(posed.points[part], axis=0), axis=-1)
                assert steps.max() * RATE < limit, (kind, part)


def test_falls_are_labelled_from_the_loss_of_balance_on() -> None:
    script = fall_script("trip", np.random.default_rng(1), 0.5, 3.0, False)
    (fall,) = script.falls
    times = np.array([fall.start_s - 0.1, fall.start_s + 0.1, fall.impact_s, fall.impact_s + 1])
    assert script.labels(times) == ["upright", FALLING, FALLING, STILL]


@pytest.mark.parametrize("kind", FALLS)
def test_clips_of_the_corpus_have_the_moments(kind: str) -> None:
    one, two = stage(Plan(3, 1, kind, 0)), stage(Plan(3, 1, kind, 0))
    (fall,) = one.falls
    assert fall.kind == kind
    assert 0 <= fall.start_s < fall.impact_s < one.truth.time_s[-1]
    np.testing.assert_array_equal(one.truth.xy, two.truth.xy)


def test_cameras_of_falls_are_high_in_a_corner_or_at_table_height() -> None:
    cameras = [stage(Plan(4, s, "trip", 0))._scene.camera for s in range(1, 9)]
    heights = [camera.place[1] for camera in cameras]
    assert all(0.7 <= h <= 1.1 or 2.2 <= h <= 2.8 for h in heights)
    assert len({h > 2 for h in heights}) == 2
    for camera in cameras:
        if camera.place[1] > 2:
            assert 20 <= np.rad2deg(-np.arcsin(camera.turn[2, 1])) <= 45


def test_a_script_interpolates_without_overshoot_and_reaches_hard_keyframes_at_speed() -> None:
    script = Script({"knee": 0.0}).hold(1.0).to({"knee": 90.0}, 1.0).hold(1.0).land({"knee": 0.0}, 1.0).hold(1.0)
    time_s = np.arange(0, 5, 0.01)
    knee = script.columns(time_s)["left_knee"]
    assert -1e-9 <= knee.min() <= knee.max() <= 90 + 1e-9
    np.testing.assert_allclose(knee[[50, 200, 250, 450]], [0, 90, 90, 0], atol=1e-6)
    speed = np.abs(np.diff(knee)) * 100
    assert speed[197:199].max() < 20  # arrives softly
    assert speed[396:399].min() > 100  # lands at speed
