"""Asanas and their variants as single poses, for training a pose model: exact keypoints from any camera.

The twelve of synth/asanas.py, the same with other arms or knees, and further common ones; besides them what people do
between poses, which is no asana.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.errors import InputError
from posemill.synth import asanas
from posemill.synth.body import Body, rig
from posemill.synth.camera import View, around
from posemill.synth.motion import Motion
from posemill.synth.postures import (
    ALL_FOURS,
    CROUCH,
    HALF_KNEEL,
    KNEEL,
    STOOP,
    floor_seat,
    on_the_side,
    prone,
    seated,
    stand,
    supine,
    varied,
)
from posemill.synth.rotation import Floats
from posemill.synth.script import Pose, Script

Still = Callable[[np.random.Generator], Pose]
OTHER = "other"
_ON_HANDS = ("downward_dog", "plank", "three_legged_dog")
_ARMS: tuple[Pose, ...] = (
    {"arm_flex": 170, "arm_abduct": -4, "elbow": 14},  # above the head
    {"arm_abduct": 160, "elbow": 25},  # above the head, apart
    {"arm_flex": 34, "arm_abduct": 22, "arm_twist": -58, "elbow": 122},  # palms together
    {"arm_flex": 86, "arm_abduct": 4, "elbow": 8},  # ahead
    {"arm_flex": 60, "arm_abduct": 14, "elbow": 95},  # before the chest
    {"arm_abduct": 90, "arm_twist": 88, "elbow": 90},  # cactus
    {"arm_abduct": 88, "elbow": 8},  # level
    {"arm_abduct": 46, "arm_flex": -16, "arm_twist": -75, "elbow": 98},  # on the hips
    {"arm_flex": 4, "arm_abduct": 12, "elbow": 12},  # hanging
    {"arm_flex": 118, "arm_abduct": 20, "elbow": 62},  # raised with bent elbows, as stiff shoulders do
)
_ABOVE, _APART, _PRAYER, _AHEAD, _BENT, _CACTUS, _LEVEL, _HIPS, _HANGING, _RAISED = range(len(_ARMS))


def _one_of(rng: np.random.Generator, *arms: int) -> Pose:
    return _ARMS[int(rng.choice(arms))]


def _tree(rng: np.random.Generator) -> Pose:
    low = rng.uniform() < 0.35  # the foot at the shank
    leg: dict[str, float] = {"right_hip_abduct": rng.uniform(32, 50) if low else rng.uniform(42, 62)}
    leg |= {"right_hip_flex": rng.uniform(0, 26), "right_hip_twist": 80}
    leg |= {"right_knee": rng.uniform(80, 112) if low else rng.uniform(114, 140), "right_ankle": 34, "left_knee": 2}
    return leg | dict(_one_of(rng, _ABOVE, _ABOVE, _APART, _PRAYER, _PRAYER, _LEVEL, _HIPS))


def _warrior_1(rng: np.random.Generator) -> Pose:
    pose = {k: v for k, v in asanas.warrior_1(rng).items() if "arm" not in k and "elbow" not in k}
    pose["spine"] = rng.uniform(-14, 4)
    return pose | dict(_one_of(rng, _ABOVE, _ABOVE, _APART, _RAISED, _PRAYER))


def _warrior_2(rng: np.random.Generator) -> Pose:
    front, lean = rng.uniform(36, 76), rng.uniform(-4, 10)
    back = float(np.rad2deg(np.arccos((np.cos(np.deg2rad(front)) + 1) / 2)))
    legs = {"right_hip_abduct": front + lean, "right_hip_twist": rng.uniform(62, 88), "right_knee": front}
    legs |= {"left_hip_abduct": back - lean, "left_hip_twist": 6, "left_knee": 2, "roll": lean}
    return legs | {"arm_abduct": rng.uniform(78, 98), "elbow": rng.uniform(2, 14), "head_turn": rng.uniform(-80, 0)}


def _warrior_3(rng: np.random.Generator) -> Pose:
    pitch = rng.uniform(70, 94)
    legs = {"right_hip_flex": pitch, "left_hip_flex": pitch - rng.uniform(78, 96), "left_toe_point": 80}
    return {"pitch": pitch, **legs, "knee": 3} | dict(_one_of(rng, _ABOVE, _LEVEL, _HANGING, _PRAYER))


def _side_angle(rng: np.random.Generator) -> Pose:
    pose = dict(_warrior_2(rng)) | {"roll": rng.uniform(28, 46), "spine_side": rng.uniform(6, 22)}
    pose["right_hip_abduct"] = pose["right_knee"] + pose["roll"]
    pose["left_hip_abduct"] = 44 - pose["roll"]
    return pose | {"left_arm_abduct": rng.uniform(130, 172), "right_arm_abduct": rng.uniform(36, 62)}


def _goddess(rng: np.random.Generator) -> Pose:
    knee, twist = rng.uniform(46, 88), rng.uniform(55, 84)
    legs = {"hip_abduct": knee * rng.uniform(0.82, 1.0), "hip_twist": twist, "knee": knee, "ankle": 8}
    arms = _one_of(rng, _CACTUS, _CACTUS, _RAISED, _PRAYER, _ABOVE, _APART, _LEVEL, _HIPS)
    return legs | dict(arms) | {"pitch": rng.uniform(-4, 10)}


def _chair(rng: np.random.Generator) -> Pose:
    knee, pitch = rng.uniform(42, 92), rng.uniform(10, 44)
    legs = {"pitch": pitch, "knee": knee, "hip_flex": pitch + 0.8 * knee, "hip_abduct": rng.uniform(0, 7)}
    return legs | dict(_one_of(rng, _ABOVE, _ABOVE, _APART, _RAISED, _PRAYER, _AHEAD, _AHEAD, _BENT, _CACTUS))


def _plank(rng: np.random.Generator) -> Pose:
    sag = rng.uniform(-8, 8)
    pose = {"hip_flex": sag, "knee": 2.0, "toe_point": 68, "hip_abduct": rng.uniform(1, 6), "neck": rng.uniform(-24, 0)}
    kind = rng.uniform()
    if kind < 0.3:  # on the forearms
        return pose | {"pitch": 84, "arm_flex": 84, "arm_abduct": 8, "elbow": 92}
    if kind < 0.42:  # on the knees
        return pose | {"pitch": 70, "knee": 62, "toe_point": 90, "arm_flex": 72, "arm_abduct": 8, "elbow": 6}
    return pose | {"pitch": 76, "arm_flex": rng.uniform(68, 80), "arm_abduct": 8, "elbow": rng.uniform(2, 12)}


def _side_plank(rng: np.random.Generator) -> Pose:
    roll = rng.uniform(56, 72)
    arms = {"right_arm_abduct": 90, "left_arm_abduct": rng.choice([90.0, 12.0]), "elbow": 4}
    return {"roll": roll, "knee": 2, "spine_side": rng.uniform(-12, 4), "head_tilt": -roll / 3, **arms}


def _upward_plank(rng: np.random.Generator) -> Pose:
    pose = {"pitch": -rng.uniform(62, 74), "hip_flex": rng.uniform(-6, 8), "knee": 3, "toe_point": 20}
    return pose | {"arm_flex": -rng.uniform(58, 72), "arm_abduct": 6, "elbow": 3, "neck": rng.uniform(-20, 10)}


def _cobra(rng: np.random.Generator) -> Pose:
    back, straight = rng.uniform(30, 72), rng.uniform() < 0.5
    elbow = rng.uniform(4, 45) if straight else rng.uniform(60, 112)
    arms = {"arm_flex": 62 - 0.6 * back if straight else 44 - back, "arm_abduct": rng.uniform(6, 18), "elbow": elbow}
    trunk = {"pitch": rng.uniform(80, 92), "spine": -back, "neck": rng.uniform(-30, -6)}
    return trunk | {"hip_flex": rng.uniform(-14, 2), "hip_abduct": 4, "knee": 1, "ankle": 64} | arms


def _three_legged_dog(rng: np.random.Generator) -> Pose:
    pose = dict(asanas.downward_dog(rng))
    pose["left_hip_flex"] = pose["right_hip_flex"] = pose.pop("hip_flex")
    return pose | {"right_hip_flex": pose["left_hip_flex"] - rng.uniform(90, 130)}


def _forward_fold(rng: np.random.Generator) -> Pose:
    pitch, spine = rng.uniform(84, 116), rng.uniform(14, 44)
    reach = rng.uniform(150, 178) if rng.uniform() < 0.4 else rng.uniform(100, 140)
    return {
        "pitch": pitch,
        "spine": spine,
        "hip_flex": pitch,
        "knee": rng.uniform(1, 14),
        "arm_flex": reach,
        "elbow": 8,
    }


def _boat(rng: np.random.Generator) -> Pose:
    pitch, legs = -rng.uniform(28, 50), rng.uniform(72, 104)
    bent = rng.uniform(60, 95) if rng.uniform() < 0.35 else rng.uniform(2, 16)
    arms = {"arm_flex": rng.uniform(40, 70), "arm_abduct": 8, "elbow": 6}
    return {"pitch": pitch, "hip_flex": legs, "knee": bent, "toe_point": 60, "neck": 12, **arms}


def _lunge(rng: np.random.Generator) -> Pose:
    front = rng.uniform(70, 96)
    legs = {"right_hip_flex": front, "right_knee": front, "left_hip_flex": -rng.uniform(0, 28)}
    legs |= {"left_knee": rng.uniform(50, 100), "left_toe_point": 80}
    return legs | dict(_one_of(rng, _ABOVE, _APART, _HIPS, _PRAYER, _HANGING)) | {"spine": rng.uniform(-12, 4)}


def _seat(rng: np.random.Generator) -> Pose:
    return dict(asanas.easy_seat(rng)) | (dict(_one_of(rng, _ABOVE, _PRAYER)) if rng.uniform() < 0.25 else {})


_STILLS: Mapping[str, Still] = MappingProxyType(
    {
        "mountain": asanas.mountain,
        "tree": _tree,
        "warrior_1": _warrior_1,
        "warrior_2": _warrior_2,
        "warrior_3": _warrior_3,
        "triangle": asanas.triangle,
        "side_angle": _side_angle,
        "goddess": _goddess,
        "chair": _chair,
        "low_lunge": _lunge,
        "downward_dog": asanas.downward_dog,
        "three_legged_dog": _three_legged_dog,
        "forward_fold": _forward_fold,
        "plank": _plank,
        "side_plank": _side_plank,
        "upward_plank": _upward_plank,
        "cobra": _cobra,
        "child": asanas.child_pose,
        "bridge": asanas.bridge,
        "boat": _boat,
        "easy_seat": _seat,
    }
)
STILL_ASANAS = tuple(_STILLS)
_BETWEEN: tuple[Still, ...] = (
    lambda rng: stand(rng) | dict(_one_of(rng, _HIPS, _BENT, _AHEAD, _APART, _LEVEL)),
    seated,
    lambda rng: supine(rng),
    prone,
    on_the_side,
    lambda rng: floor_seat(rng),
    lambda rng: KNEEL,
    lambda rng: HALF_KNEEL,
    lambda rng: ALL_FOURS,
    lambda rng: CROUCH,
    lambda rng: STOOP,
)


def still_pose(name: str, rng: np.random.Generator) -> Pose:
    """Return the angles of an asana as somebody does it, or of something that is no asana for `other`.

    What is between two poses is no asana either: half of `other` are blends of two. Errors: InputError for an unknown
    name.
    """
    if name == OTHER:
        return _between(rng)
    if name not in _STILLS:
        raise InputError(f"unknown asana {name!r}; known are {', '.join(_STILLS)}, {OTHER}")
    return varied(_STILLS[name](rng), rng, 4.0)


def _between(rng: np.random.Generator) -> Pose:
    first = varied(_BETWEEN[int(rng.integers(len(_BETWEEN)))](rng), rng, 6.0)
    if rng.uniform() < 0.5:
        return first
    second = _STILLS[STILL_ASANAS[int(rng.integers(len(STILL_ASANAS)))]](rng)
    share, script = rng.uniform(0.25, 0.6), Script({})
    one, two = script.pose(first), script.pose(second)
    return {name: (1 - share) * one[name] + share * two[name] for name in one}


def still_keypoints(name: str, rng: np.random.Generator, size_px: tuple[int, int] = (640, 480)) -> Floats:
    """Return exact keypoints (17, 2) pixels of somebody in an asana, seen from some camera, on either side.

    Examples:
        >>> still_keypoints("tree", np.random.default_rng(0)).shape
        (17, 2)
    """
    pose = still_pose(name, rng)
    script = Script(pose, pinned=0.0, hands=float(name in _ON_HANDS)).hold(1.0)
    motion = Motion(np.array([0.4, 0.5]))
    script.fill(motion, mirrored=bool(rng.uniform() < 0.5))
    points = rig(Body.random(rng), motion).keypoints()[:1]
    view = View(
        azimuth_deg=rng.uniform(-180, 180),
        height_m=float(np.clip(rng.normal(1.0, 0.45), 0.15, 2.4)),
        field_deg=rng.uniform(30, 66),
        fill=rng.uniform(0.55, 0.95),
        roll_deg=rng.normal(0, 3.0),
    )
    pixels, _ = around(points[0], view, size_px).project(points[0])
    return pixels
