"""Variants of common exercises: push-ups on the knees or at a bench, lunges on the way, split squats, half jacks."""

from __future__ import annotations

import numpy as np

from posemill.synth import activities
from posemill.synth.ball_sports import keyed
from posemill.synth.gestures import dominant_sides, move_arm
from posemill.synth.motion import SIDES, Motion, Style, repetitions, rise, wander


def push_up_variant(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Push-ups on the knees, with the hands on a bench or wall, or with the feet raised; narrow or wide hands."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.3, 3.2) / style.tempo, rng.uniform(0.05, 0.3))
    u = np.clip(u, 0, 1)
    kind, deep, wide = rng.uniform(), rng.uniform(50, 96), rng.uniform(4, 40)
    elbow = 8 + deep * u
    motion.add(elbow=elbow, arm_flex=74 - 0.45 * elbow, arm_abduct=8 + wide * u, neck=-rng.uniform(4, 30))
    motion.add(hip_flex=rng.uniform(-8, 16), hip_abduct=rng.uniform(1, 8), spine=rng.uniform(-6, 6))
    if kind < 0.4:  # on the knees
        motion.add(pitch=66 + 10 * u, knee=rng.uniform(50, 110), toe_point=80)
        motion.hands_down = True
    elif kind < 0.75:  # hands high
        lean = rng.uniform(34, 66)
        motion.add(pitch=lean + 12 * u, arm_flex=lean - 70, knee=3, toe_point=lean)
    else:  # feet high
        motion.add(pitch=84 + 6 * u, arm_flex=12, knee=3, toe_point=60)


def walking_lunge(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Lunges that go forward with every step, or back again."""
    activities.lunge(motion, style, rng)
    motion.walking = True
    motion.add(forward_m=rng.uniform(-0.25, 0.5) * (motion.time_s - motion.time_s.mean()))


def split_squat(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Split squats: one foot stays ahead, the rear one behind, on the floor or on a bench."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.5, 3.0) / style.tempo, rng.uniform(0.05, 0.2))
    front, rear = SIDES if rng.uniform() < 0.5 else SIDES[::-1]
    raised = rng.uniform(20, 60) * (rng.uniform() < 0.4)
    motion.add(**{f"{front}_hip_flex": 24 + 62 * u, f"{front}_knee": 20 + 70 * u})
    motion.add(
        **{f"{rear}_hip_flex": -22 + 10 * u, f"{rear}_knee": 22 + raised + 58 * u, f"{rear}_toe_point": 66 + 0 * u}
    )
    motion.add(pitch=rng.uniform(0, 16) * u, hip_abduct=3, arm_flex=4, arm_abduct=12, elbow=rng.uniform(6, 100))


def deep_squat(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Squats of any depth and stance, also with a pause below, wide, or with a jump."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.3, 4.2) / style.tempo, rng.uniform(0.05, 0.35))
    u = np.clip(u * rng.uniform(1.0, 1.35), 0, 1)  # a pause below where it is cut
    knee, wide = rng.uniform(66, 138), rng.uniform(0, 26)
    pitch = rng.uniform(8, 48)
    motion.add(knee=5 + knee * u, pitch=pitch * u, hip_flex=(0.62 * knee + pitch) * u, hip_twist=rng.uniform(8, 44))
    motion.add(hip_abduct=4 + wide, spine=rng.uniform(-4, 14) * u, neck=-rng.uniform(0, 30) * u)
    kind = rng.integers(4)
    if kind == 0:
        motion.add(arm_flex=rng.uniform(0, 80) + rng.uniform(0, 40) * u, arm_abduct=8, elbow=rng.uniform(5, 40))
    elif kind == 1:
        motion.add(arm_flex=rng.uniform(30, 60), arm_abduct=10, arm_twist=-46, elbow=rng.uniform(104, 132))
    elif kind == 2:
        motion.add(
            arm_abduct=rng.uniform(36, 64), arm_flex=-16, arm_twist=rng.uniform(40, 80), elbow=rng.uniform(120, 142)
        )
    else:
        motion.add(arm_flex=6 + 0.7 * pitch * u, arm_abduct=12, elbow=rng.uniform(5, 20))


def half_jack(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Jacks of any size: arms to the shoulders or ahead, small steps, one foot after the other."""
    u, number = repetitions(rng, motion.time_s, rng.uniform(0.8, 1.6) / style.tempo, rng.uniform(0.02, 0.2))
    up, apart = rng.uniform(70, 165), rng.uniform(10, 28)
    if rng.uniform() < 0.75:
        motion.add(arm_abduct=10 + up * u, elbow=rng.uniform(8, 50))
    else:
        motion.add(arm_flex=70, arm_abduct=6 + 70 * u, elbow=14)
    if rng.uniform() < 0.6:
        motion.add(hip_abduct=2 + apart * u, up_m=0.06 * np.sin(np.pi * np.clip(u, 0, 1)) ** 2)
    else:
        for side, even in zip(SIDES, (0, 1), strict=True):
            motion.add(**{f"{side}_hip_abduct": 2 + 1.4 * apart * u * (number % 2 == even)})
    motion.add(knee=8 + rng.uniform(0, 14) * u, hip_flex=4)


def recline(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Leaning far back on a sofa, or bent far forward on a chair, arms anywhere."""
    lean = -rng.uniform(18, 46) if rng.uniform() < 0.7 else rng.uniform(22, 44)
    motion.add(pitch=lean, hip_flex=rng.uniform(78, 96) + lean, knee=rng.uniform(20, 100), spine=rng.uniform(4, 24))
    motion.add(hip_abduct=rng.uniform(3, 16), neck=rng.uniform(0, 26) - 0.3 * lean)
    kind = rng.integers(3)
    if kind == 0:
        motion.add(arm_flex=rng.uniform(10, 50), arm_abduct=10, elbow=rng.uniform(50, 110), arm_twist=-24)
    elif kind == 1:
        motion.add(arm_flex=rng.uniform(0, 20), arm_abduct=rng.uniform(20, 70), elbow=rng.uniform(10, 60))
    else:
        motion.add(arm_flex=rng.uniform(40, 110), arm_abduct=30, elbow=130)
    motion.chair = True


def clean_and_jerk(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Clean and jerk: pull from the floor, caught in a squat, up, a pause, dip, and above the head in a split."""
    t, tempo = motion.time_s, style.tempo
    begin = rng.uniform(-4.2, 0.8)
    spans = [rng.uniform(0.5, 0.9), 0.3, rng.uniform(0.2, 0.9), rng.uniform(0.6, 1.4), rng.uniform(0.3, 1.8)]
    spans += [0.25, 0.25, rng.uniform(0.6, 1.6), rng.uniform(0.5, 1.2)]
    at = [begin, *(begin + np.cumsum(np.array(spans) / tempo)).tolist()]
    catch, split = rng.uniform(30, 118), rng.uniform() < 0.6
    #        floor  pulled caught held  up  paused dip jerked held recovered
    knee = [rng.uniform(84, 108), 10, catch, catch, 6, 6, rng.uniform(30, 50), 30, 30, 6]
    flex = [rng.uniform(104, 122), 4, catch, catch, 2, 2, 24, 16, 16, 2]
    motion.add(knee=keyed(t, at, knee), hip_flex=keyed(t, at, flex))
    motion.add(pitch=keyed(t, at, [rng.uniform(34, 56), 0, 14, 14, 0, 0, 0, 0, 0, 0]), hip_abduct=10, hip_twist=14)
    rack, wide, bend = rng.uniform(12, 86), rng.uniform(8, 46), rng.uniform(122, 144)
    grip = 14 + 0.5 * wide
    over, down = 172 - 0.6 * wide, at[-1] + rng.uniform(0.3, 1.5)
    dropped = rise(t, down, 0.6)  # the bar falls, the arms hang
    held = 1 - dropped
    motion.add(arm_flex=keyed(t, at, [50, 10, rack, rack, rack, rack, rack, over, over, over]) * held)
    motion.add(elbow=8 + held * keyed(t, at, [-2, 52, bend, bend, bend, bend, bend, 4, -2, -2]))
    motion.add(arm_abduct=10 + held * keyed(t, at, [2, 30, wide, wide, wide, wide, wide, grip, grip, grip]))
    motion.add(toe_point=keyed(t, at, [0, 26] + [0] * 8), pitch=rng.uniform(0, 34) * dropped)
    if split:
        lead, rear = dominant_sides(rng)
        open_ = keyed(t, at, [0, 0, 0, 0, 0, 0, 0, 1, 1, 0])
        motion.add(**{f"{lead}_hip_flex": 26 * open_, f"{rear}_hip_flex": -34 * open_, f"{rear}_toe_point": 40 * open_})


def small_wave(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Waving with one hand or both, beside the head or before the chest, from the wrist, the elbow or the shoulder."""
    strong, other = dominant_sides(rng)
    beat = np.sin(2 * np.pi * rng.uniform(1.0, 2.6) * style.tempo * motion.time_s + rng.uniform(0, 6))
    beat = beat * (1 + wander(rng, motion.time_s, 0.2))
    up = rise(motion.time_s, rng.uniform(-1.2, 0.5), rng.uniform(0.3, 0.8))
    if rng.uniform() < 0.3:
        up = up - rise(motion.time_s, rng.uniform(2.0, 3.6), 0.6)
    fore, out = rng.uniform(0, 90), rng.uniform(0, 70)
    size, low = rng.uniform(4, 30), rng.uniform(8, 30)
    for side in (strong, other) if rng.uniform() < 0.15 else (strong,):
        move_arm(
            motion, side, arm_flex=fore * up, arm_abduct=9 + out * up, elbow=low + (rng.uniform(70, 128) - low) * up
        )
        move_arm(motion, side, arm_twist=(rng.uniform(10, 85) + 0.8 * size * beat) * up)
        motion.channels[f"{side}_elbow"] = motion.channels[f"{side}_elbow"] + 0.6 * size * beat * up
    if rng.uniform() < 0.85:
        move_arm(motion, other, arm_flex=rng.uniform(-5, 20), arm_abduct=10, elbow=rng.uniform(8, 80), arm_twist=-12)
    motion.add(hip_abduct=rng.uniform(1, 8), knee=5, roll=rng.uniform(0, 2) * beat, spine=rng.uniform(0, 10))


def sit_up(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Sit-ups and crunches of any kind: straight or bent legs, raised legs, twists, any arms, upright or half."""
    u, number = repetitions(rng, motion.time_s, rng.uniform(1.3, 3.0) / style.tempo, rng.uniform(0.05, 0.2))
    knee, full = rng.uniform(4, 125), rng.uniform() < 0.75
    reach = rng.uniform(55, 100) if full else rng.uniform(14, 40)
    low = rng.uniform(62, 90)
    legs = 0.5 * knee + rng.uniform(-6, 18) * (rng.uniform() < 0.4)
    motion.add(pitch=-low + reach * u, hip_flex=legs + reach * u, knee=knee, toe_point=rng.uniform(0, 50))
    motion.add(
        spine=rng.uniform(2, 12) + rng.uniform(8, 38) * u, neck=rng.uniform(0, 18) * u, hip_abduct=rng.uniform(0, 14)
    )
    if rng.uniform() < 0.3:
        motion.add(spine_twist=rng.uniform(14, 36) * u * np.where(number % 2 == 0, 1, -1))
    kind = rng.integers(4)
    if kind == 0:
        motion.add(arm_flex=rng.uniform(84, 126), arm_abduct=rng.uniform(10, 60), elbow=rng.uniform(120, 142))
    elif kind == 1:
        motion.add(arm_flex=rng.uniform(28, 46), arm_abduct=8, arm_twist=-48, elbow=rng.uniform(104, 130))
    elif kind == 2:
        motion.add(arm_flex=rng.uniform(10, 60) + rng.uniform(10, 50) * u, arm_abduct=8, elbow=12)
    else:  # swung from above the head
        motion.add(arm_flex=170 - rng.uniform(60, 110) * u, arm_abduct=10, elbow=rng.uniform(8, 30))


def strum(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Playing the guitar or a ukulele, the neck at any height, hands nearly still or busy."""
    strong, other = dominant_sides(rng)
    beat = np.sin(2 * np.pi * rng.uniform(0.8, 4.0) * motion.time_s) * rng.uniform(1, 14)
    slide = wander(rng, motion.time_s, rng.uniform(1, 9), 1.5)
    move_arm(motion, strong, arm_flex=rng.uniform(-12, 34), arm_abduct=rng.uniform(8, 46))
    move_arm(motion, strong, elbow=rng.uniform(58, 108) + beat, arm_twist=-rng.uniform(20, 62) + 0.8 * beat)
    move_arm(motion, other, arm_flex=rng.uniform(0, 58) + slide, arm_abduct=rng.uniform(10, 72))
    move_arm(motion, other, elbow=rng.uniform(44, 116) - slide, arm_twist=rng.uniform(-30, 52))
    motion.add(spine=rng.uniform(0, 18), neck=rng.uniform(-4, 30), hip_abduct=rng.uniform(2, 10), knee=6)
    motion.add(roll=wander(rng, motion.time_s, rng.uniform(0, 2.5), 1.2))


def skip(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Skipping with low or high jumps, on both feet, by turns, or boxing steps; hands low, the forearms turn."""
    rate = rng.uniform(1.3, 3.2)
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.15)
    flight = np.clip(np.sin(phase), 0, 1)
    motion.add(up_m=rng.uniform(0.02, 0.16) * flight, knee=rng.uniform(6, 18) + 12 * (1 - flight))
    motion.add(hip_flex=rng.uniform(2, 10) + 5 * (1 - flight), toe_point=10 + 24 * flight, hip_abduct=rng.uniform(0, 6))
    if rng.uniform() < 0.45:
        lifted = rng.uniform(14, 70)
        for side, own in zip(SIDES, (phase / 2, phase / 2 + np.pi), strict=True):
            lift = np.clip(np.sin(own), 0, 1)
            motion.add(**{f"{side}_knee": lifted * lift, f"{side}_hip_flex": rng.uniform(0, 0.8) * lifted * lift})
    wrist = rng.uniform(2, 18)
    motion.add(arm_flex=rng.uniform(-18, 14) + 0.5 * wrist * np.sin(phase), arm_abduct=rng.uniform(8, 44))
    motion.add(arm_twist=rng.uniform(0, 60) + wrist * np.cos(phase), elbow=rng.uniform(40, 112) + wrist * np.sin(phase))
