"""Single poses of asanas: what makes each of them, from exact angles."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.synth.body import Body, rig
from posemill.synth.motion import Motion
from posemill.synth.script import Script
from posemill.synth.still_asanas import OTHER, STILL_ASANAS, still_keypoints, still_pose


def body(name: str, seed: int) -> dict[str, np.ndarray]:
    """Keypoints in metres, y up."""
    rng = np.random.default_rng(seed)
    motion = Motion(np.array([0.4, 0.5]))
    Script(still_pose(name, rng), pinned=0.0).hold(1.0).fill(motion)
    return {part: place[0] for part, place in rig(Body.random(rng), motion).points.items()}


@pytest.mark.parametrize("name", [*STILL_ASANAS, OTHER])
def test_every_asana_is_whole_and_the_same_for_the_same_seed(name: str) -> None:
    first, again = (still_keypoints(name, np.random.default_rng(7)) for _ in range(2))
    assert first.shape == (17, 2)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, still_keypoints(name, np.random.default_rng(8)))


@pytest.mark.parametrize("seed", range(5))
def test_bodies_are_as_the_asanas_say(seed: int) -> None:
    tree, dog, boat = body("tree", seed), body("downward_dog", seed), body("boat", seed)
    assert tree["right_ankle"][1] > tree["left_ankle"][1] + 0.15
    assert dog["left_hip"][1] > max(dog["left_shoulder"][1], dog["left_ankle"][1]) + 0.2
    assert min(boat["left_knee"][1], boat["left_shoulder"][1]) > boat["left_hip"][1] + 0.05
    goddess, chair = body("goddess", seed), body("chair", seed)
    wide = [abs(each["left_ankle"][0] - each["right_ankle"][0]) for each in (goddess, chair)]
    assert wide[0] > 2 * wide[1]


def test_an_upward_plank_faces_up_and_a_plank_down() -> None:
    for seed in range(5):
        up, down = body("upward_plank", seed), body("plank", seed)
        assert up["nose"][1] > (up["left_ear"][1] + up["right_ear"][1]) / 2
        assert down["nose"][1] < (down["left_ear"][1] + down["right_ear"][1]) / 2


def test_an_unknown_asana_is_told() -> None:
    with pytest.raises(InputError, match="unknown asana 'headstand'; known are mountain"):
        still_pose("headstand", np.random.default_rng(0))
