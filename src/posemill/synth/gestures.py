"""Gestures and small actions of the hands, standing or sitting, and quick actions of a whole body."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from posemill.synth.gym import Activity
from posemill.synth.motion import SIDES, Motion, Style, repetitions, rise, wander
from posemill.synth.rotation import Floats

SEATED: Mapping[str, float] = MappingProxyType({"hip_flex": 86, "knee": 84, "hip_abduct": 6, "hip_twist": 6})


def _base(motion: Motion, rng: np.random.Generator, seated: float = 0.3) -> None:
    """Stand, or sit on a chair with the given probability."""
    motion.add(head_turn=wander(rng, motion.time_s, rng.uniform(2, 10), 3.0))
    if rng.uniform() < seated:
        lean = rng.uniform(-10, 14)
        motion.add(**SEATED)
        motion.add(pitch=lean, hip_flex=lean, spine=rng.uniform(0, 10))
        return
    motion.add(hip_abduct=rng.uniform(2, 8), hip_twist=rng.uniform(2, 14), knee=rng.uniform(2, 8))


def _rest(motion: Motion, side: str, rng: np.random.Generator) -> None:
    """One arm hangs, is at the hip, or before the belly."""
    kind = rng.uniform()
    if kind < 0.6:
        pose = {"arm_flex": rng.uniform(-5, 16), "arm_abduct": rng.uniform(7, 15), "elbow": rng.uniform(8, 34)}
    elif kind < 0.8:
        pose = {"arm_flex": 20, "arm_abduct": 8, "arm_twist": -36, "elbow": rng.uniform(78, 100)}
    else:
        pose = {"arm_abduct": 46, "arm_flex": -16, "arm_twist": -72, "elbow": 96}
    motion.add(**{f"{side}_{name}": value for name, value in pose.items()})


def dominant_sides(rng: np.random.Generator) -> tuple[str, str]:
    """Return the strong side and the other one; most people are right-handed."""
    return ("right", "left") if rng.uniform() < 0.7 else ("left", "right")


def move_arm(motion: Motion, side: str, **values: Floats | float) -> None:
    """Add to the channels of one arm, as `elbow=90.0`."""
    motion.add(**{f"{side}_{name}": value for name, value in values.items()})


def clap(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Clapping hands before the chest or above the head."""
    _base(motion, rng)
    beat = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1.5, 3.8) * style.tempo * motion.time_s + rng.uniform(0, 6))
    open_deg = rng.uniform(12, 32) * style.amplitude * (1 + wander(rng, motion.time_s, 0.15))
    if rng.uniform() < 0.12:
        motion.add(arm_flex=rng.uniform(140, 160), arm_abduct=6 + open_deg * beat, elbow=rng.uniform(20, 45))
        return
    motion.add(arm_flex=rng.uniform(26, 62), arm_abduct=rng.uniform(6, 14), elbow=rng.uniform(84, 116))
    motion.add(arm_twist=-rng.uniform(26, 36) + open_deg * beat)


def point(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Pointing at something with a straight arm, and holding it there."""
    _base(motion, rng, 0.2)
    side, other = dominant_sides(rng)
    _rest(motion, other, rng)
    up = rise(motion.time_s, rng.uniform(-0.8, 0.6), rng.uniform(0.35, 0.7))
    if rng.uniform() < 0.3:
        up = up - rise(motion.time_s, rng.uniform(1.8, 3.5), 0.6)
    height, out = rng.uniform(62, 118), rng.uniform(-10, 85)
    shake = wander(rng, motion.time_s, 3, 1.5)
    c, s = np.cos(np.deg2rad(out)), np.sin(np.deg2rad(out))
    move_arm(motion, side, arm_flex=5 + height * c * up + shake, arm_abduct=9 + height * s * up, elbow=20 - 12 * up)
    motion.add(head_turn=(30 * s * (1 if side == "left" else -1)) * up)


def drink(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Drinking: a hand goes to the mouth and stays, the head tilts back a little; eating with a fork is alike."""
    _base(motion, rng, 0.55)
    side, other = dominant_sides(rng)
    _rest(motion, other, rng)
    start, stay = rng.uniform(-0.8, 1.0), rng.uniform(0.7, 3.0)
    up = rise(motion.time_s, start, rng.uniform(0.5, 1.0)) - rise(motion.time_s, start + 0.8 + stay, 0.8)
    if rng.uniform() < 0.25:  # again and again
        up, _ = repetitions(rng, motion.time_s, rng.uniform(2.0, 3.5), 0.2)
    low = rng.uniform(40, 85)
    move_arm(motion, side, arm_flex=16 + rng.uniform(36, 70) * up, arm_abduct=9 + rng.uniform(-6, 10) * up)
    move_arm(motion, side, elbow=low + (rng.uniform(116, 140) - low) * up, arm_twist=-12 - rng.uniform(26, 48) * up)
    motion.add(neck=-rng.uniform(0, 16) * up)


def phone_call(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A phone at the ear, standing, sitting or strolling; the other arm rests or speaks along."""
    _base(motion, rng, 0.35)
    side, other = dominant_sides(rng)
    if rng.uniform() < 0.7:
        _rest(motion, other, rng)
    else:
        move_arm(motion, other, arm_flex=18 + wander(rng, motion.time_s, 14, 1.6), arm_abduct=10)
        move_arm(motion, other, elbow=60 + wander(rng, motion.time_s, 24, 1.4))
    move_arm(motion, side, arm_flex=rng.uniform(52, 88), arm_abduct=rng.uniform(0, 36), elbow=rng.uniform(138, 152))
    move_arm(motion, side, arm_twist=-rng.uniform(22, 48) + wander(rng, motion.time_s, 3, 2.0))
    motion.add(head_tilt=rng.uniform(0, 14) * (-1 if side == "left" else 1), roll=wander(rng, motion.time_s, 1.2, 3.5))


def text_on_phone(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Looking at a phone that is held before the chest with one hand or both, the head bent."""
    _base(motion, rng, 0.4)
    both = rng.uniform() < 0.55
    side, other = dominant_sides(rng)
    shake = wander(rng, motion.time_s, 2.0, 1.2)
    for each in (side, other) if both else (side,):
        move_arm(motion, each, arm_flex=rng.uniform(16, 42), arm_abduct=rng.uniform(4, 14), elbow=rng.uniform(92, 126))
        move_arm(motion, each, arm_twist=-rng.uniform(18, 36) + shake)
    if not both:
        _rest(motion, other, rng)
    motion.add(neck=rng.uniform(18, 40), spine=rng.uniform(0, 12))


def brush_teeth(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Brushing teeth: a hand at the mouth that goes quickly to and fro."""
    _base(motion, rng, 0.05)
    side, other = dominant_sides(rng)
    _rest(motion, other, rng)
    beat = np.sin(2 * np.pi * rng.uniform(2.0, 4.5) * motion.time_s + rng.uniform(0, 6)) * rng.uniform(3, 10)
    move_arm(motion, side, arm_flex=rng.uniform(56, 88), arm_abduct=rng.uniform(0, 26) + 0.6 * beat)
    move_arm(motion, side, elbow=rng.uniform(114, 136) + 0.5 * beat, arm_twist=-rng.uniform(42, 66) + beat)
    motion.add(pitch=rng.uniform(0, 22), hip_flex=rng.uniform(0, 20), neck=rng.uniform(0, 14))


def throw(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Throwing something with one hand, over the shoulder or from below."""
    side, other = dominant_sides(rng)
    sign = 1 if other == "left" else -1
    start = rng.uniform(-0.3, 0.9)
    back = rise(motion.time_s, start, 0.5 / style.tempo)
    forth = rise(motion.time_s, start + 0.55 / style.tempo, rng.uniform(0.22, 0.36) / style.tempo)
    ends = rise(motion.time_s, start + 1.3, 0.8)
    motion.add(
        spine_twist=sign * (-36 * back + 66 * forth - 30 * ends), spine=16 * forth * (1 - ends), knee=8 + 14 * back
    )
    motion.add(hip_abduct=4, **{f"{other}_hip_flex": (16 + 20 * forth) * (1 - ends)})
    motion.add(**{f"{side}_hip_flex": -14 * forth * (1 - ends)})
    if rng.uniform() < 0.7:
        move_arm(motion, side, arm_abduct=10 + 78 * back * (1 - forth), arm_twist=88 * back * (1 - forth))
        move_arm(motion, side, arm_flex=18 * back + 84 * forth * (1 - ends), elbow=18 + 92 * back * (1 - forth))
    else:
        move_arm(motion, side, arm_flex=-52 * back + 142 * forth * (1 - 0.9 * ends), arm_abduct=10, elbow=12)
    move_arm(motion, other, arm_flex=12 + 46 * back * (1 - forth), arm_abduct=12, elbow=26)


def kick(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Kicking: a ball, or high as in martial arts."""
    side, other = dominant_sides(rng)
    start = rng.uniform(-0.2, 0.9)
    back = rise(motion.time_s, start, 0.35) - rise(motion.time_s, start + 0.4, 0.16)
    forth = rise(motion.time_s, start + 0.4, rng.uniform(0.16, 0.3)) - rise(motion.time_s, start + 0.85, 0.45)
    if rng.uniform() < 0.4:  # again and again
        forth, _ = repetitions(rng, motion.time_s, rng.uniform(0.8, 1.6), 0.3)
        back = 0.0 * forth
    high = rng.uniform(38, 75) if rng.uniform() < 0.6 else rng.uniform(75, 115)
    motion.add(**{f"{side}_hip_flex": 2 - 28 * back + high * forth, f"{side}_knee": 8 + 84 * back + 12 * forth})
    motion.add(**{f"{side}_toe_point": 40 * forth, f"{other}_knee": 14 + 6 * forth})
    motion.add(**{f"{other}_hip_flex": 6.0})
    motion.add(pitch=-0.18 * high * forth, arm_abduct=16 + 30 * forth, arm_flex=rng.uniform(-4, 30), hip_abduct=4)
    motion.add(elbow=rng.uniform(20, 95))
    motion.held_left = np.full(len(motion.time_s), 0.0 if side == "left" else 1.0)


def box(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Boxing: fists at the chin, punches by turns."""
    lead, rear = dominant_sides(rng)
    rate = rng.uniform(0.7, 1.7) * style.tempo
    phase = rate * motion.time_s + rng.uniform(0, 1)
    motion.add(
        knee=rng.uniform(10, 26), pitch=rng.uniform(2, 12), spine=rng.uniform(4, 14), hip_abduct=rng.uniform(6, 14)
    )
    motion.add(hip_flex=rng.uniform(6, 18), up_m=0.02 * np.clip(np.sin(4 * np.pi * rate * motion.time_s), 0, 1))
    motion.add(**{f"{lead}_hip_flex": 14.0, f"{rear}_hip_flex": -12.0})
    twist = np.zeros_like(phase)
    for side, at in ((lead, 0.0), (rear, 0.5)):
        out = np.clip(np.sin(2 * np.pi * (phase + at)), 0, 1) ** 1.5 * (rng.uniform(0.7, 1.05))
        hook = rng.uniform(0, 50) * (rng.uniform() < 0.3)
        move_arm(motion, side, arm_flex=38 + 50 * out, arm_abduct=14 + hook * out, elbow=132 - (122 - hook) * out)
        move_arm(motion, side, arm_twist=-14 + 6 * out)
        twist = twist + (-1 if side == "left" else 1) * 24 * out
    motion.add(spine_twist=twist)


def talk_with_hands(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Speaking with moving hands, standing or sitting."""
    _base(motion, rng, 0.4)
    for side in SIDES if rng.uniform() < 0.7 else dominant_sides(rng)[:1]:
        move_arm(motion, side, arm_flex=22 + wander(rng, motion.time_s, rng.uniform(6, 18), 1.5))
        move_arm(motion, side, elbow=76 + wander(rng, motion.time_s, rng.uniform(10, 28), 1.2))
        move_arm(motion, side, arm_twist=-14 + wander(rng, motion.time_s, rng.uniform(8, 24), 1.3), arm_abduct=12)
    motion.add(neck=wander(rng, motion.time_s, 5, 2.0))


GESTURES: Mapping[str, Activity] = MappingProxyType(
    {
        a.__name__: a
        for a in (
            clap,
            point,
            drink,
            phone_call,
            text_on_phone,
            brush_teeth,
            throw,
            kick,
            box,
            talk_with_hands,
        )
    }
)
