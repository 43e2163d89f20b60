"""Twelve asanas of yoga as held poses: the way into the pose, then a hold with a little sway.

Names follow the English ones. Where an asana has sides, left and right say which knee is bent, in the triangle to which
side the body bends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.errors import InputError
from posemill.synth.everyday import FLOOR, UPRIGHT
from posemill.synth.motion import Motion, Style
from posemill.synth.postures import ALL_FOURS, KNEEL, cross_legged, floor_seat, prone, stand, supine, varied
from posemill.synth.script import Pose, Script

Asana = Callable[[np.random.Generator], Pose]
_ABOVE: Pose = {"arm_flex": 170, "arm_abduct": -4, "elbow": 14, "neck": -8}  # both arms above the head
_PRAYER: Pose = {"arm_flex": 34, "arm_abduct": 22, "arm_twist": -58, "elbow": 122}  # palms together before the chest


def mountain(rng: np.random.Generator) -> Pose:
    """Mountain (tadasana): upright, feet together, arms along the body."""
    return {"hip_abduct": 0, "arm_abduct": rng.uniform(7, 14), "elbow": rng.uniform(3, 10), "knee": 2}


def tree(rng: np.random.Generator) -> Pose:
    """Tree (vrikshasana): the right foot at the left thigh, arms above the head or palms together."""
    leg = {"right_hip_flex": rng.uniform(4, 18), "right_hip_abduct": rng.uniform(42, 58), "right_hip_twist": 80}
    leg |= {"right_knee": rng.uniform(118, 134), "right_ankle": 34, "left_knee": 2}
    return leg | dict(_ABOVE if rng.uniform() < 0.6 else _PRAYER)


def warrior_1(rng: np.random.Generator) -> Pose:
    """Warrior I: a lunge onto the bent right knee, trunk upright, arms above the head."""
    front = rng.uniform(52, 68)
    back = _even(front, raised=0.066)
    legs = {"right_hip_flex": front, "right_knee": front, "left_hip_flex": -back, "left_knee": 3, "left_toe_point": 20}
    return legs | dict(_ABOVE) | {"spine": -6}


def warrior_2(rng: np.random.Generator) -> Pose:
    """Warrior II: legs wide, the right knee bent outward, arms level to both sides, looking over the right hand."""
    front = rng.uniform(50, 68)
    legs = {"right_hip_abduct": front, "right_hip_twist": 84, "right_knee": front, "right_ankle": 0}
    legs |= {"left_hip_abduct": _even(front), "left_hip_twist": 6, "left_knee": 2}
    return legs | {"arm_abduct": rng.uniform(84, 94), "elbow": 5, "head_turn": -72}


def _even(front_deg: float, raised: float = 0.0) -> float:
    """Angle of a straight leg that is as low as a bent one with its shank upright.

    raised  how far the straight leg's heel is up, in lengths of the leg.
    """
    return float(np.rad2deg(np.arccos((np.cos(np.deg2rad(front_deg)) + 1) / 2 - raised)))


def triangle(rng: np.random.Generator) -> Pose:
    """Triangle (trikonasana): straight legs apart, the trunk bent level to the right, arms in one upright line."""
    roll, apart = rng.uniform(26, 36), rng.uniform(25, 31)
    legs = {"right_hip_abduct": apart + roll, "left_hip_abduct": apart - roll, "right_hip_twist": 40, "knee": 2}
    trunk = {"roll": roll, "spine_side": rng.uniform(34, 48)}
    return legs | trunk | {"arm_abduct": 90, "elbow": 4, "head_turn": 55}


def downward_dog(rng: np.random.Generator) -> Pose:
    """Downward-facing dog: hands and feet on the floor, the hips high."""
    pitch, legs = rng.uniform(122, 134), rng.uniform(28, 38)
    return {
        "pitch": pitch,
        "hip_flex": pitch - legs,
        "knee": rng.uniform(2, 10),
        "toe_point": rng.uniform(8, 30),
        "arm_flex": rng.uniform(166, 176),
        "arm_abduct": 8,
        "elbow": 5,
        "neck": 6,
        "hip_abduct": 5,
    }


def cobra(rng: np.random.Generator) -> Pose:
    """Cobra (bhujangasana): on the belly, the chest lifted on the arms."""
    back = rng.uniform(38, 56)
    arms = {"arm_flex": 44 - back, "arm_abduct": 14, "elbow": rng.uniform(92, 112)}
    return {"pitch": 90, "spine": -back, "neck": -22, "hip_abduct": 4, "knee": 1, "ankle": 64, **arms}


def chair_pose(rng: np.random.Generator) -> Pose:
    """Chair (utkatasana): knees bent as if to sit, arms above the head."""
    knee, pitch = rng.uniform(58, 84), rng.uniform(20, 34)
    legs = {"pitch": pitch, "knee": knee, "hip_flex": pitch + knee - 14, "hip_abduct": 2}
    return legs | dict(_ABOVE) | {"arm_flex": rng.uniform(150, 170), "spine": -6}


def plank_pose(rng: np.random.Generator) -> Pose:
    """Plank (phalakasana): straight from head to heels on hands and toes."""
    pose = {"pitch": 76, "hip_flex": rng.uniform(-2, 5), "knee": 2, "toe_point": 68, "hip_abduct": rng.uniform(1, 5)}
    return pose | {"arm_flex": 74, "arm_abduct": 8, "elbow": 6, "neck": rng.uniform(-20, -4)}


def child_pose(rng: np.random.Generator) -> Pose:
    """Child's pose (balasana): sitting on the heels, folded over the thighs, arms ahead or beside the legs."""
    pose = {"pitch": 80, "hip_flex": 148, "knee": 152, "ankle": 62, "hip_abduct": 8, "spine": 20, "neck": -2}
    ahead = {"arm_flex": 166, "arm_abduct": 8, "elbow": 8}
    return pose | (ahead if rng.uniform() < 0.6 else {"arm_flex": -10, "arm_abduct": 14, "elbow": 12})


def bridge(rng: np.random.Generator) -> Pose:
    """Bridge (setu bandhasana): on shoulders and feet, the hips lifted."""
    lift = rng.uniform(18, 30)
    legs = {"hip_flex": 0, "knee": 90 + lift, "hip_abduct": 4}
    return legs | {"pitch": -90 - lift, "neck": lift, "arm_flex": -lift + 4, "arm_abduct": 12, "elbow": 5}


def easy_seat(rng: np.random.Generator) -> Pose:
    """Easy seat (sukhasana): cross-legged, hands on the knees or palms together."""
    seat = cross_legged(rng) | {"spine": 2}
    return seat | (dict(_PRAYER) if rng.uniform() < 0.35 else {})


_FROM_STANDING = (mountain, tree, warrior_1, warrior_2, triangle, chair_pose)
_SIDED = (tree, warrior_1, warrior_2, triangle)
_ALL: tuple[Asana, ...] = (
    mountain,
    tree,
    warrior_1,
    warrior_2,
    triangle,
    downward_dog,
    cobra,
    chair_pose,
    plank_pose,
    child_pose,
    bridge,
    easy_seat,
)
_LOW = (downward_dog, cobra, plank_pose, child_pose, bridge, easy_seat)
_HANDS = (downward_dog, plank_pose)


def _before(asana: Asana, rng: np.random.Generator) -> Pose:
    """The pose one comes from."""
    if asana in _FROM_STANDING:
        return stand(rng)
    if asana is cobra:
        return prone(rng) | {"head_turn": 0, "arm_abduct": 30, "elbow": 90}
    if asana is bridge:
        return supine(rng, knees=50, arms=16)
    return floor_seat(rng, knees=30) if asana is easy_seat else dict(KNEEL if asana is child_pose else ALL_FOURS)


def asana_script(name: str, rng: np.random.Generator, hold_s: float, way_s: float = 1.5) -> Script:
    """The way into an asana, which is reached at `way_s` seconds, and its hold.

    name  without `asana_` and without a side: as `tree`, which bends the right knee; a mirrored fill bends the left.
    """
    known = {a.__name__: a for a in _ALL}
    if name not in known:
        raise InputError(f"unknown asana {name!r}; known are {', '.join(known)}")
    asana = known[name]
    hands = float(asana in _HANDS)
    script = Script(_before(asana, rng), pinned=0.0, hands=hands)
    way = max(way_s, 0.05)
    script.doing(FLOOR if asana in _LOW else UPRIGHT)
    return script.hold(0.15 * way).to(varied(asana(rng), rng, 1.5), 0.85 * way, restless=0.8).hold(hold_s)


def _activity(asana: Asana, side: str = "") -> Callable[[Motion, Style, np.random.Generator], None]:
    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        length = float(motion.time_s[-1])
        way = rng.uniform(1.0, 2.4)
        script = asana_script(asana.__name__, rng, length, way)
        late = rng.uniform(0, way) if rng.uniform() < 0.6 else way  # many clips show the hold alone
        script.fill(motion, late, mirrored=side == "left" or (not side and bool(rng.uniform() < 0.5)))

    fill.__name__ = "_".join(filter(None, (asana.__name__, side)))
    fill.__doc__ = asana.__doc__
    return fill


def _every() -> list[Callable[[Motion, Style, np.random.Generator], None]]:
    return [_activity(a, side) for a in _ALL for side in (("left", "right") if a in _SIDED else ("",))]


YOGA: Mapping[str, Callable[[Motion, Style, np.random.Generator], None]] = MappingProxyType(
    {f"asana_{fill.__name__}": fill for fill in _every()}
)
