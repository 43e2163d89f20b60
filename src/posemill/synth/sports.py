"""Sports activities of the gym and the field, rendered when they are asked for by name.

Hands that hold a bar, a club or a racket hold nothing here: what a labeller finds of the person is what counts.
"""

from __future__ import annotations

import numpy as np

from posemill.synth.motion import SIDES, Motion, Style, repetitions, rise, wander
from posemill.synth.rotation import Floats


def _sides(rng: np.random.Generator) -> tuple[str, str]:
    """The strong side and the other one; most people are right-handed."""
    return ("right", "left") if rng.uniform() < 0.7 else ("left", "right")


def _arm(
    motion: Motion,
    side: str,
    flex: Floats | float,
    abduct: Floats | float,
    elbow: Floats | float,
    twist: Floats | float = 0.0,
) -> None:
    values = {"arm_flex": flex, "arm_abduct": abduct, "elbow": elbow, "arm_twist": twist}
    motion.add(**{f"{side}_{channel}": value for channel, value in values.items()})


def _between(u: Floats, *values: float) -> Floats:
    """(T,) the value at u in 0..1 along a line through `values`, evenly spaced."""
    return np.interp(u, np.linspace(0, 1, len(values)), values)


def _swing(motion: Motion, style: Style, rng: np.random.Generator, back_s: float, forth_s: float) -> Floats:
    """(T,) from 0 (ready) to -1 (drawn back), then fast to 1 (followed through), once."""
    start = rng.uniform(-0.2, 0.7)
    back, forth = back_s / style.tempo, forth_s / style.tempo
    drawn = rise(motion.time_s, start, back)
    return np.asarray(-drawn + 2 * rise(motion.time_s, start + back + rng.uniform(0, 0.1), forth))


def sit_up(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Sit-ups on the back with bent knees, hands at the head, before the chest or stretched out."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.5, 2.2) / style.tempo, 0.12)
    u = u * style.amplitude
    knee, reach = rng.uniform(80, 120), rng.uniform(45, 65)
    motion.add(pitch=-86 + reach * u, hip_flex=0.5 * knee + reach * u, knee=knee, spine=8 + 26 * u, neck=12 * u)
    kind = rng.integers(3)
    if kind == 0:
        motion.add(arm_flex=120, arm_abduct=rng.uniform(20, 50), elbow=132)
    elif kind == 1:
        motion.add(arm_flex=36, arm_abduct=8, arm_twist=-48, elbow=118)
    else:
        motion.add(arm_flex=30 + 50 * u, arm_abduct=8, elbow=12)


def pull_up(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Pull-ups on a bar, legs hanging or bent."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.4, 2.2) / style.tempo, 0.1)
    u = np.clip(u * style.amplitude, 0, 1)
    wide = rng.uniform(0, 25)
    motion.add(arm_abduct=_between(u, 168 - wide, 62), arm_twist=88, elbow=_between(u, 8 + wide, 128))
    motion.add(up_m=0.3 + rng.uniform(0.3, 0.4) * u, knee=rng.uniform(5, 95), hip_flex=rng.uniform(0, 15) + 8 * u)
    motion.add(toe_point=rng.uniform(30, 70), neck=-10 - 10 * u, pitch=wander(rng, motion.time_s, 3, 1.5))


def bench_press(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Bench presses: on the back, feet on the floor, hands from the chest straight up."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.4, 2.2) / style.tempo, 0.15)
    down = np.clip(u, 0, 1)
    wide = rng.uniform(45, 75)
    motion.add(arm_flex=_between(down, 88, 12), arm_abduct=_between(down, 12, wide), elbow=_between(down, 8, 98))
    motion.add(pitch=-88, knee=rng.uniform(72, 98), hip_flex=rng.uniform(-8, 8), hip_abduct=rng.uniform(8, 22))


def clean_and_jerk(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A barbell from the floor to the shoulders and, after a pause, above the head; a clip shows a part of it."""
    at = rng.uniform(-1.6, 0.5)
    pull, jerk = rise(motion.time_s, at, 0.8 / style.tempo), rise(motion.time_s, at + rng.uniform(1.4, 2.4), 0.4)
    dip = 4 * jerk * (1 - jerk) + 0.5 * rise(motion.time_s, at + 0.9, 0.2) * (1 - rise(motion.time_s, at + 1.1, 0.5))
    low = 1 - pull
    motion.add(hip_flex=105 * low + 32 * dip, knee=6 + 88 * low + 42 * dip, pitch=38 * low, spine=8 * low)
    motion.add(hip_abduct=8, hip_twist=10)
    racked = pull * (1 - jerk)
    arm_flex = 42 * low + rng.uniform(28, 60) * racked + 172 * jerk
    motion.add(arm_flex=arm_flex, arm_abduct=10 + 8 * racked + 10 * jerk, elbow=8 + 132 * racked)
    if rng.uniform() < 0.5:  # one foot ahead
        lead, rear = _sides(rng)
        motion.add(**{f"{lead}_hip_flex": 28 * dip, f"{rear}_hip_flex": -22 * dip})


def jump_rope(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Skipping: small jumps on both feet or from foot to foot, hands low beside the hips, turning."""
    rate = rng.uniform(1.6, 2.4) * style.tempo
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.15)
    flight = np.clip(np.sin(phase), 0, 1)
    motion.add(up_m=rng.uniform(0.04, 0.12) * flight, knee=10 + 12 * (1 - flight), hip_flex=6 + 5 * (1 - flight))
    motion.add(toe_point=12 + 24 * flight, hip_abduct=rng.uniform(0, 4))
    if rng.uniform() < 0.3:
        for side, own in zip(SIDES, (phase / 2, phase / 2 + np.pi), strict=True):
            lift = np.clip(np.sin(own), 0, 1)
            motion.add(**{f"{side}_knee": 45 * lift, f"{side}_hip_flex": 25 * lift})
    wrist = rng.uniform(4, 14)
    motion.add(arm_flex=rng.uniform(-12, 8) + 0.5 * wrist * np.sin(phase), arm_abduct=rng.uniform(14, 32))
    motion.add(
        arm_twist=rng.uniform(15, 50) + wrist * np.cos(phase), elbow=rng.uniform(55, 100) + wrist * np.sin(phase)
    )


def strum_guitar(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Playing the guitar, standing: one hand strums before the hip, the other moves along the neck."""
    strong, other = _sides(rng)
    beat = np.sin(2 * np.pi * rng.uniform(1.2, 3.0) * style.tempo * motion.time_s) * rng.uniform(5, 16)
    slide = wander(rng, motion.time_s, 8, 1.5)
    _arm(motion, strong, rng.uniform(0, 22), rng.uniform(15, 35), rng.uniform(75, 100) + beat, -45 + 0.8 * beat)
    _arm(motion, other, rng.uniform(20, 45) + slide, rng.uniform(20, 45), rng.uniform(75, 110) - slide, 15 + slide)
    motion.add(spine=rng.uniform(0, 14), neck=rng.uniform(0, 28), hip_abduct=4, knee=6)
    motion.add(roll=wander(rng, motion.time_s, 2.0, 1.2))


def golf_swing(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A golf swing: bent over the ball, hands together drawn up to one side, then through to the other."""
    trail, lead = _sides(rng)
    u = (_swing(motion, style, rng, 0.9, 0.35) + 1) / 2
    sign = 1 if lead == "left" else -1
    motion.add(pitch=_between(u, 22, 26, 6), spine=_between(u, 12, 14, 4), knee=18, hip_flex=_between(u, 22, 26, 6))
    motion.add(spine_twist=sign * _between(u, -62, 0, 66) * style.amplitude, neck=8, hip_abduct=9)
    _arm(motion, lead, _between(u, 95, 42, 95), _between(u, -32, -10, 48), _between(u, 12, 6, 100))
    _arm(motion, trail, _between(u, 70, 40, 105), _between(u, 42, -10, -34), _between(u, 100, 10, 14))
    motion.add(**{f"{trail}_toe_point": _between(u, 0, 0, 62), f"{trail}_knee": _between(u, 0, 0, 22)})


def baseball_swing(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A batter's swing: hands at the rear shoulder, a step, then level through."""
    trail, lead = _sides(rng)
    u = (_swing(motion, style, rng, 0.5, 0.3) + 1) / 2
    sign = 1 if lead == "left" else -1
    motion.add(pitch=10, spine=8, knee=24, hip_flex=22, hip_abduct=16)
    motion.add(spine_twist=sign * _between(u, -52, -20, 68) * style.amplitude)
    _arm(motion, lead, _between(u, 78, 72, 88), _between(u, -36, -16, 40), _between(u, 55, 22, 95))
    _arm(motion, trail, _between(u, 52, 58, 98), _between(u, 48, 20, -36), _between(u, 128, 60, 18))
    step = 4 * u * (1 - u)
    motion.add(
        **{f"{lead}_hip_flex": 24 * step, f"{lead}_knee": 22 * step, f"{trail}_toe_point": _between(u, 0, 0, 58)}
    )


def baseball_pitch(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A pitch: knee up, stride, the arm from behind over the shoulder and down."""
    strong, other = _sides(rng)
    u = (_swing(motion, style, rng, 0.8, 0.5) + 1) / 2
    sign = 1 if other == "left" else -1
    lift = _between(u, 1, 0.25, 0) * rise(motion.time_s, 0.0, 0.4)
    motion.add(**{f"{other}_hip_flex": 92 * lift + _between(u, 0, 10, 62), f"{other}_knee": 10 + 95 * lift + 22 * u})
    motion.add(**{f"{strong}_hip_flex": _between(u, 8, 12, -22), f"{strong}_knee": _between(u, 8, 26, 30)})
    motion.add(spine_twist=sign * _between(u, -55, -30, 50), spine=_between(u, 0, 4, 36), pitch=_between(u, 0, 4, 24))
    _arm(
        motion,
        strong,
        _between(u, 10, 20, 96, 60),
        _between(u, 55, 92, 70, -22),
        _between(u, 85, 92, 20, 14),
        _between(u, 0, 92, 40, 0),
    )
    _arm(motion, other, _between(u, 50, 72, 30), _between(u, 22, 40, 12), _between(u, 95, 30, 95))
    motion.held_left = np.full(len(motion.time_s), 0.0 if strong == "right" else 1.0)


def bowl(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Bowling: steps towards the lane, the straight arm swings back and forth, a deep last step."""
    strong, other = _sides(rng)
    u = (_swing(motion, style, rng, 0.8, 0.6) + 1) / 2
    low = np.clip(1.4 * u - 0.2, 0, 1)
    _arm(motion, strong, _between(u, -48, 0, 92), 6, _between(u, 8, 4, 30))
    _arm(motion, other, _between(u, 30, 10, 4), _between(u, 22, 40, 66), 22)
    motion.add(pitch=14 + 20 * low, spine=8 + 14 * low, neck=-20 * low)
    motion.add(**{f"{other}_hip_flex": 28 + 52 * low, f"{other}_knee": 22 + 58 * low})
    motion.add(
        **{f"{strong}_hip_flex": 10 - 28 * low, f"{strong}_knee": 22 + 28 * low, f"{strong}_toe_point": 52 * low}
    )
    motion.add(forward_m=1.1 * u)
    motion.walking = True


def tennis_serve(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A serve: one arm tosses, the other drops behind the head, hits above it and comes down across."""
    strong, other = _sides(rng)
    u = (_swing(motion, style, rng, 0.8, 0.5) + 1) / 2
    sign = 1 if other == "left" else -1
    _arm(motion, other, _between(u, 165, 90, 20), _between(u, 14, 18, 12), _between(u, 6, 40, 80))
    _arm(
        motion,
        strong,
        _between(u, 12, 165, 70, 30),
        _between(u, 92, 26, 4, -24),
        _between(u, 112, 14, 20, 30),
        _between(u, 88, 60, 10, 0),
    )
    bend = _between(u, 1, 0, 0.3)
    motion.add(knee=8 + 42 * bend, hip_flex=6 + 20 * bend, spine=_between(u, -16, -4, 30), pitch=_between(u, -4, 4, 18))
    motion.add(spine_twist=sign * _between(u, -42, 0, 36), up_m=0.1 * np.clip(1 - 4 * np.abs(u - 0.4), 0, 1))
    motion.add(neck=_between(u, -34, -20, 4), hip_abduct=10)


def tennis_forehand(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A forehand: the arm drawn back at hip height, then up and across to the other shoulder."""
    strong, other = _sides(rng)
    u = (_swing(motion, style, rng, 0.6, 0.45) + 1) / 2
    sign = 1 if other == "left" else -1
    _arm(motion, strong, _between(u, -22, 34, 98), _between(u, 58, 42, -34), _between(u, 42, 22, 98))
    _arm(motion, other, _between(u, 72, 46, 22), _between(u, 4, 24, 40), _between(u, 34, 50, 78))
    motion.add(spine_twist=sign * _between(u, -56, -8, 52) * style.amplitude, pitch=8, spine=6)
    motion.add(knee=26 - 10 * u, hip_flex=22 - 8 * u, hip_abduct=12)
    motion.add(**{f"{strong}_toe_point": 48 * np.clip(2 * u - 1, 0, 1)})
