"""Desk, factory and household work, and ways of moving on: running, stairs, carrying, pushing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from posemill.synth.gestures import SEATED, dominant_sides, move_arm
from posemill.synth.gym import Activity
from posemill.synth.motion import SIDES, Motion, Style, repetitions, rise, wander
from posemill.synth.rotation import Floats


def _legs(motion: Motion, phase: Floats, stride: float, knee: float, toe: float = 30.0) -> None:
    """Steps: the thighs swing by `stride`, the knee of the swinging leg bends by `knee`."""
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        swing = np.clip(np.cos(own), 0, 1)
        point = toe * np.clip(-np.sin(own - 0.5), 0, 1) ** 3 - 14 * np.clip(np.sin(own), 0, 1) ** 4
        leg = {f"{side}_hip_flex": 6 + stride * np.sin(own), f"{side}_knee": 8 + knee * swing**1.3}
        motion.add(**leg, **{f"{side}_toe_point": point})


def _forward(motion: Motion, rng: np.random.Generator, speed: float) -> None:
    """Move on at a speed in m/s; on a treadmill, or before a camera that follows, not at all."""
    moves = rng.uniform() < 0.6
    motion.add(forward_m=float(moves) * speed * (motion.time_s - motion.time_s.mean()))
    motion.walking = True


def run(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Running or jogging, also in place and on a treadmill."""
    stride, rate = rng.uniform(22, 48) * style.amplitude, rng.uniform(1.2, 1.65) * style.tempo**0.4
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.08)
    _legs(motion, phase, stride, rng.uniform(62, 112), 44)
    motion.add(up_m=rng.uniform(0.03, 0.09) * np.abs(np.sin(phase)), pitch=rng.uniform(2, 14), spine=3)
    bend = rng.uniform(70, 105)
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        move_arm(
            motion, side, arm_flex=-8 - rng.uniform(0.7, 1.1) * stride * np.sin(own), arm_abduct=rng.uniform(8, 20)
        )
        move_arm(motion, side, elbow=bend + 12 * np.clip(-np.sin(own), -1, 1), arm_twist=-rng.uniform(4, 22))
    motion.add(spine_twist=-6 * np.sin(phase), hip_twist=3)
    _forward(motion, rng, 6.5 * np.sin(np.deg2rad(stride)) * rate * 0.7)


def walk_varied(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Walking: strolling or hurrying, hands in the pockets, folded or swinging, on a treadmill too."""
    stride, rate = rng.uniform(14, 30) * style.amplitude, rng.uniform(0.6, 1.1) * style.tempo**0.5
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.1)
    _legs(motion, phase, stride, rng.uniform(40, 62))
    kind, swing = rng.uniform(), rng.uniform(0.4, 1.2)
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        if kind < 0.75:
            move_arm(motion, side, arm_flex=-4 - swing * stride * np.sin(own), arm_abduct=rng.uniform(5, 14))
            move_arm(motion, side, elbow=rng.uniform(8, 40) + 10 * np.clip(-np.sin(own), 0, 1))
        elif kind < 0.83:  # in the pockets
            move_arm(motion, side, arm_flex=-10, arm_abduct=16, elbow=44, arm_twist=-20)
        elif kind < 0.88:  # bags
            move_arm(motion, side, arm_flex=2, arm_abduct=rng.uniform(6, 16), elbow=6)
        elif kind < 0.94:  # reading, or hands held before the body
            move_arm(
                motion, side, arm_flex=rng.uniform(16, 36), arm_abduct=7, arm_twist=-30, elbow=rng.uniform(74, 120)
            )
        elif side == "left":  # one hand holds something, or a phone
            move_arm(motion, side, arm_flex=28, arm_abduct=8, arm_twist=-26, elbow=rng.uniform(80, 140))
        else:
            move_arm(motion, side, arm_flex=-4 - swing * stride * np.sin(own), arm_abduct=8, elbow=18)
    motion.add(spine=rng.uniform(0, 16), spine_twist=-5 * np.sin(phase), hip_abduct=1, hip_twist=5)
    motion.add(up_m=0.015 * np.abs(np.sin(phase)))
    _forward(motion, rng, 4 * 0.86 * np.sin(np.deg2rad(stride)) * rate)


def climb_stairs(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Climbing or descending stairs, one hand at the rail or both swinging; a step-up board is alike."""
    rate = rng.uniform(0.5, 0.95) * style.tempo
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6)
    down = rng.uniform() < 0.35
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        u = (0.5 + 0.5 * np.sin(own)) ** 1.3
        leg = {f"{side}_hip_flex": rng.uniform(42, 60) * u, f"{side}_knee": 8 + rng.uniform(62, 82) * u}
        motion.add(**leg)
        move_arm(motion, side, arm_flex=-14 * np.sin(own), arm_abduct=9, elbow=rng.uniform(12, 45))
    motion.add(pitch=rng.uniform(-2, 5) if down else rng.uniform(4, 18))
    if rng.uniform() < 0.4:
        side, _ = dominant_sides(rng)
        move_arm(motion, side, arm_flex=rng.uniform(20, 44), arm_abduct=rng.uniform(8, 30), elbow=rng.uniform(10, 50))
    speed = rate * rng.uniform(0.25, 0.4) * 2
    motion.add(up_m=(-0.55 if down else 0.55) * speed * (motion.time_s - motion.time_s[-1] * float(down)))
    motion.add(forward_m=0.9 * speed * (motion.time_s - motion.time_s.mean()))
    motion.walking = True


def carry(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Walking with a box before the body, on both forearms."""
    stride, rate = rng.uniform(14, 25) * style.amplitude, rng.uniform(0.65, 0.98) * style.tempo**0.5
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6)
    _legs(motion, phase, stride, rng.uniform(38, 56))
    wide = rng.uniform(-6, 12)
    motion.add(arm_flex=rng.uniform(18, 50), arm_abduct=8 + wide, elbow=rng.uniform(68, 104), arm_twist=-6)
    motion.add(pitch=-rng.uniform(0, 8))
    _forward(motion, rng, 4 * 0.86 * np.sin(np.deg2rad(stride)) * rate)


def push_cart(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Pushing a cart, a pram or a lawn mower: arms ahead at the handle, leaning into it."""
    stride, rate = rng.uniform(14, 28) * style.amplitude, rng.uniform(0.6, 1.0) * style.tempo**0.5
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6)
    _legs(motion, phase, stride, rng.uniform(38, 60))
    lean = rng.uniform(6, 34)
    motion.add(
        pitch=lean, hip_flex=0.5 * lean, arm_flex=rng.uniform(34, 58) + 0.6 * lean, arm_abduct=rng.uniform(5, 13)
    )
    motion.add(elbow=rng.uniform(10, 50), neck=-0.6 * lean)
    _forward(motion, rng, 4 * 0.86 * np.sin(np.deg2rad(stride)) * rate)


def _desk(motion: Motion, rng: np.random.Generator) -> None:
    lean = rng.uniform(-8, 18)
    motion.add(**SEATED)
    motion.add(pitch=lean, hip_flex=lean, spine=rng.uniform(2, 18), neck=rng.uniform(0, 22))
    motion.add(knee=rng.uniform(-14, 26), head_turn=wander(rng, motion.time_s, rng.uniform(2, 12), 4.0))


def type_on_keyboard(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Typing or writing at a desk, sitting; one hand goes to the mouse now and then."""
    _desk(motion, rng)
    quick = wander(rng, motion.time_s, rng.uniform(0.6, 2.2), 0.4)
    for side in SIDES:
        move_arm(
            motion, side, arm_flex=rng.uniform(26, 46), arm_abduct=rng.uniform(5, 14), elbow=rng.uniform(62, 92) + quick
        )
        move_arm(motion, side, arm_twist=-rng.uniform(4, 24) + wander(rng, motion.time_s, rng.uniform(0.8, 3), 0.6))
    if rng.uniform() < 0.3:
        side, _ = dominant_sides(rng)
        move_arm(motion, side, arm_twist=rng.uniform(8, 26), arm_flex=10, elbow=-14)


def sit_still(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Sitting on a chair: upright, leaning back or forward, legs crossed or stretched, hands on the lap or folded."""
    lean = rng.uniform(-22, 10) if rng.uniform() < 0.85 else rng.uniform(10, 34)
    motion.add(pitch=lean, hip_flex=rng.uniform(80, 92) + lean, knee=rng.uniform(58, 100), hip_twist=6)
    motion.add(hip_abduct=rng.uniform(2, 14), spine=rng.uniform(0, 20), neck=rng.uniform(-6, 20) - 0.4 * lean)
    motion.add(head_turn=wander(rng, motion.time_s, rng.uniform(3, 20), 4.0))
    if rng.uniform() < 0.2:  # one leg over the other
        side, _ = dominant_sides(rng)
        motion.add(**{f"{side}_hip_flex": 16.0, f"{side}_hip_twist": -14.0, f"{side}_hip_abduct": -16.0})
    kind = rng.integers(4)
    if kind == 0:
        motion.add(arm_flex=24 + 0.4 * lean, arm_abduct=9, arm_twist=-rng.uniform(5, 26), elbow=rng.uniform(44, 76))
    elif kind == 1:
        motion.add(arm_flex=30, arm_abduct=6, arm_twist=-52, elbow=94)
    elif kind == 2:
        motion.add(arm_flex=rng.uniform(8, 22), arm_abduct=rng.uniform(10, 24), elbow=rng.uniform(66, 92))
    else:
        motion.add(arm_flex=rng.uniform(-4, 8), arm_abduct=12, elbow=rng.uniform(10, 40))
    motion.add(arm_flex=wander(rng, motion.time_s, 2.5, 3.0))
    motion.chair = True


def read_book(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Reading: a book or a paper held before the chest with both hands, sitting or standing."""
    if rng.uniform() < 0.65:
        _desk(motion, rng)
    else:
        motion.add(hip_abduct=rng.uniform(2, 8), hip_twist=8, knee=5)
    motion.add(neck=rng.uniform(12, 30), arm_flex=rng.uniform(20, 40), arm_abduct=rng.uniform(4, 14))
    motion.add(elbow=rng.uniform(84, 112), arm_twist=-rng.uniform(4, 20))
    side, _ = dominant_sides(rng)
    at = rng.uniform(0.3, 3.5)
    turn = rise(motion.time_s, at, 0.4) - rise(motion.time_s, at + 0.5, 0.5)
    move_arm(motion, side, arm_twist=-24 * turn, arm_flex=8 * turn)


def sweep(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Sweeping, mopping or raking: both hands at a handle, to and fro beside the body."""
    upper, lower = dominant_sides(rng)
    beat = np.sin(2 * np.pi * rng.uniform(0.45, 1.1) * style.tempo * motion.time_s + rng.uniform(0, 6))
    beat = beat * style.amplitude * (1 + wander(rng, motion.time_s, 0.15))
    lean = rng.uniform(12, 34)
    motion.add(pitch=lean + 5 * beat, spine=rng.uniform(6, 20), hip_flex=lean, knee=rng.uniform(8, 26), hip_abduct=8)
    sign = 1 if upper == "left" else -1
    motion.add(spine_twist=sign * (8 + rng.uniform(8, 22) * beat), neck=rng.uniform(2, 18))
    move_arm(
        motion, upper, arm_flex=46 + 14 * beat, arm_abduct=8, arm_twist=-34, elbow=rng.uniform(78, 110) - 14 * beat
    )
    move_arm(motion, lower, arm_flex=rng.uniform(34, 50) + 18 * beat, arm_abduct=6 + 10 * beat, elbow=26 - 12 * beat)
    step = wander(rng, motion.time_s, 9, 1.8)
    motion.add(left_hip_flex=10 + step, right_hip_flex=4 - step)


def hammer(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Hammering, chopping or sawing at a bench: one forearm strikes again and again, the other hand holds."""
    side, other = dominant_sides(rng)
    u, _ = repetitions(rng, motion.time_s, rng.uniform(0.45, 1.1) / style.tempo, 0.1)
    lean = rng.uniform(6, 28)
    motion.add(pitch=lean, hip_flex=lean, spine=rng.uniform(4, 16), neck=rng.uniform(8, 24), knee=8, hip_abduct=6)
    move_arm(motion, side, arm_flex=24 + rng.uniform(10, 70) * u, elbow=52 + rng.uniform(34, 66) * u, arm_abduct=14)
    move_arm(motion, side, arm_twist=-10)
    move_arm(motion, other, arm_flex=rng.uniform(30, 46), elbow=rng.uniform(50, 78), arm_twist=-rng.uniform(10, 30))
    move_arm(motion, other, arm_abduct=8)


def work_at_bench(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Standing at a bench, worktop or line: both hands busy before the body, reaching to the sides now and then."""
    lean = rng.uniform(0, 22)
    motion.add(pitch=lean, hip_flex=lean, spine=rng.uniform(2, 18), neck=rng.uniform(8, 30), knee=6, hip_abduct=5)
    size = rng.uniform(0.6, 1.8)
    for side in SIDES:
        move_arm(motion, side, arm_flex=30 + wander(rng, motion.time_s, 9 * size, 1.4), arm_abduct=10)
        move_arm(motion, side, elbow=70 + wander(rng, motion.time_s, 13 * size, 1.2))
        move_arm(motion, side, arm_twist=-16 + wander(rng, motion.time_s, 9 * size, 1.5))
    motion.add(spine_twist=wander(rng, motion.time_s, 7 * size, 3.0))


def basketball_shot(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A shot at the basket: knees bend, the ball goes from the chest above the head, a small jump, wrists follow."""
    start = rng.uniform(-0.3, 0.9)
    dip = rise(motion.time_s, start, 0.45 / style.tempo)
    up = rise(motion.time_s, start + 0.45 / style.tempo, rng.uniform(0.32, 0.5) / style.tempo)
    ends = rise(motion.time_s, start + rng.uniform(1.2, 1.9), 0.6)
    bend = dip * (1 - up)
    motion.add(knee=6 + rng.uniform(34, 62) * bend, hip_flex=rng.uniform(26, 46) * bend, pitch=14 * bend, hip_abduct=5)
    air = np.clip(np.sin(np.pi * np.clip((motion.time_s - start - 0.7) / 0.5, 0, 1)), 0, 1)
    motion.add(up_m=rng.uniform(0, 0.3) * air, toe_point=34 * air)
    side, other = dominant_sides(rng)
    for each, share in ((side, 1.0), (other, rng.uniform(0.75, 1.0))):
        raised = 34 + share * (rng.uniform(104, 122)) * up
        move_arm(motion, each, arm_flex=raised * (1 - 0.85 * ends), elbow=(104 - 90 * share * up) * (1 - 0.8 * ends))
        move_arm(motion, each, arm_abduct=10, arm_twist=-18 * (1 - up))
    motion.add(neck=-14 * up * (1 - ends))


WORK: Mapping[str, Activity] = MappingProxyType(
    {
        a.__name__: a
        for a in (
            run,
            walk_varied,
            climb_stairs,
            carry,
            push_cart,
            type_on_keyboard,
            sit_still,
            read_book,
            sweep,
            hammer,
            work_at_bench,
            basketball_shot,
        )
    }
)
