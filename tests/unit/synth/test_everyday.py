"""Everyday life and asanas: look-alikes are labelled as what they are, and look like it."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.synth.asanas import YOGA, asana_script
from posemill.synth.body import Body, Rig, rig
from posemill.synth.everyday import ACTIONS, BENDING, CLASSES, FALLING, FLOOR, LYING_DOWN, SITTING, STILL, action_script
from posemill.synth.motion import Motion, Style, finish
from posemill.synth.script import Script

RATE = 20


def posed(script: Script, seed: int = 0, child: bool = False, mirrored: bool = False) -> tuple[Body, Rig, list[str]]:
    rng = np.random.default_rng(seed)
    body = Body.child(rng) if child else Body.random(rng)
    motion = Motion(np.arange(0, script.now, 1 / RATE))
    script.fill(motion, mirrored=mirrored)
    finish(motion, Style.random(rng), rng)
    return body, rig(body, motion), script.labels(motion.time_s)


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_actions_are_labelled_and_none_is_a_fall(kind: str, seed: int) -> None:
    script = action_script(kind, np.random.default_rng(seed), 0.4, 3.0)
    _, body, labels = posed(script, seed, child=kind == "crawl")
    assert set(labels) <= set(CLASSES) - {FALLING}
    assert not script.falls
    assert min(float(place[:, 1].min()) for place in body.points.values()) > -0.005
    speed = np.abs(np.diff(body.points["pelvis"], axis=0)).max() * RATE
    assert speed < 3.5


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("sit_slowly", SITTING),
        ("plump_down", SITTING),
        ("lie_down_bed", STILL),
        ("lie_down_bed", LYING_DOWN),
        ("get_out_of_bed", STILL),
        ("lie_down_floor", STILL),
        ("exercise", FLOOR),
        ("kneel", FLOOR),
        ("pick_up", BENDING),
        ("crouch", BENDING),
        ("crawl", FLOOR),
        ("play_with_pet", FLOOR),
    ],
)
def test_look_alikes_have_their_label(kind: str, label: str) -> None:
    script = action_script(kind, np.random.default_rng(2), 0.4, 3.0)
    assert label in script.labels(np.arange(0, script.now, 0.05))


def test_heights_of_the_pelvis_fit_the_labels() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        body, sat, labels = posed(action_script("sit_slowly", rng, 0.4, 3.0), seed)
        middle = len(labels) // 2
        assert 0.2 < sat.points["pelvis"][middle, 1] / body.height < 0.4
        body, bent, labels = posed(action_script("pick_up", rng, 0.4, 1.0), seed)
        hand = np.minimum(bent.points["left_wrist"][:, 1], bent.points["right_wrist"][:, 1])
        assert hand.min() < 0.45 < hand.max()
        body, lying, labels = posed(action_script("lie_down_bed", rng, 0.4, 3.0), seed)
        still = np.array(labels) == STILL
        assert 0.4 < np.median(lying.points["pelvis"][still, 1]) < 0.85
        assert np.median(lying.points["neck"][still, 1]) < 0.9
        body, down, labels = posed(action_script("lie_down_floor", rng, 0.4, 3.0), seed)
        still = np.array(labels) == STILL
        assert down.points["pelvis"][still, 1].max() < 0.25


def test_plumping_down_is_faster_than_sitting_down() -> None:
    def drop(kind: str) -> float:
        speeds = []
        for seed in range(5):
            _, body, _ = posed(action_script(kind, np.random.default_rng(seed), 0.4, 2.0), seed)
            speeds.append(-np.diff(body.points["pelvis"][: 4 * RATE, 1]).min() * RATE)
        return float(np.mean(speeds))

    assert drop("plump_down") > 1.4 * drop("sit_slowly")


def test_children_are_small_and_crawl_on_hands_and_knees() -> None:
    script = action_script("crawl", np.random.default_rng(3), 0.0, 4.0)
    body, crawling, _ = posed(script, 3, child=True)
    assert body.height < 1.1
    assert crawling.points["head"][:, 1].max() < 0.7
    assert np.median(crawling.points["left_wrist"][:, 1]) < 0.12
    assert np.median(crawling.points["left_knee"][:, 1]) < 0.12
    assert np.ptp(crawling.points["pelvis"][:, [0, 2]], axis=0).max() > 0.3


def angle(body: Rig, a: str, b: str, c: str, frame: int = -1) -> float:
    one, two = (body.points[x][frame] - body.points[b][frame] for x in (a, c))
    return float(np.rad2deg(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two))))


def test_asanas_have_their_angles() -> None:
    def hold(name: str, mirrored: bool = False) -> Rig:
        return posed(asana_script(name, np.random.default_rng(1), 2.0), 1, mirrored=mirrored)[1]

    tree = hold("tree")
    assert angle(tree, "right_hip", "right_knee", "right_ankle") < 75
    assert angle(tree, "left_hip", "left_knee", "left_ankle") > 165
    assert 0.2 < tree.points["right_ankle"][-1, 1] < 0.75
    mirrored = hold("tree", mirrored=True)
    assert angle(mirrored, "left_hip", "left_knee", "left_ankle") < 75
    warrior = hold("warrior_2")
    assert angle(warrior, "right_hip", "right_knee", "right_ankle") < 135
    assert np.ptp([warrior.points[f"{s}_wrist"][-1, 1] for s in ("left", "right")]) < 0.25
    dog = hold("downward_dog")
    assert dog.points["pelvis"][-1, 1] > max(dog.points["head"][-1, 1], dog.points["left_ankle"][-1, 1]) + 0.3
    for name in ("cobra", "child_pose", "bridge", "easy_seat"):
        assert hold(name).points["pelvis"][-1, 1] < 0.5
    bridge = hold("bridge")
    assert bridge.points["pelvis"][-1, 1] > bridge.points["left_shoulder"][-1, 1] + 0.1
    plank = hold("plank_pose")
    assert angle(plank, "left_shoulder", "left_hip", "left_ankle") > 160


def test_asanas_are_held_still_once_they_are_reached() -> None:
    for name in ("mountain", "warrior_1", "triangle", "chair_pose", "cobra"):
        _, body, _ = posed(asana_script(name, np.random.default_rng(4), 3.0, way_s=1.5), 4)
        before, after = (body.points["head"][i] for i in (slice(0, 30), slice(34, None)))
        assert np.ptp(after, axis=0).max() < 0.25, name
        assert name == "mountain" or np.ptp(before, axis=0).max() > 0.1, name


def test_asanas_are_twelve_and_an_unknown_one_is_refused() -> None:
    assert len({name.removesuffix("_left").removesuffix("_right") for name in YOGA}) == 12
    with pytest.raises(InputError, match="unknown asana 'lotus'; known are mountain, tree"):
        asana_script("lotus", np.random.default_rng(0), 1.0)
