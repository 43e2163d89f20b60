"""Long deliveries as they are filmed: a run-up, a wind-up, the stroke and what follows it.

The generators of `sports.py` show the stroke alone. A clip of these begins anywhere from before the wind-up to within
the stroke.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posemill.synth.gestures import dominant_sides, move_arm
from posemill.synth.motion import Motion, Style, rise, wander
from posemill.synth.rotation import Floats


def keyed(time_s: Floats, starts: Sequence[float], values: Sequence[float]) -> Floats:
    """(T,) values at times with smooth ways between them; constant before and after."""
    out = np.full(len(time_s), values[0], np.float64)
    for begin, end, before, after in zip(starts[:-1], starts[1:], values[:-1], values[1:], strict=True):
        out = out + (after - before) * rise(time_s, begin, max(end - begin, 1e-3))
    return out


def bowl_delivery(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Bowling: the ball before the chest, four quickening steps, a pendulum swing, a slide on one leg."""
    t, tempo = motion.time_s, style.tempo
    strong, other = dominant_sides(rng)
    begin = rng.uniform(-0.9, 0.6)
    at = [begin, begin + 0.55 / tempo, begin + 1.1 / tempo, begin + 1.5 / tempo, begin + 2.3 / tempo]
    going = rise(t, at[0], 0.4) * (1 - rise(t, at[3], 0.35))
    phase = 2 * np.pi * 0.95 * tempo * (t - begin)
    for side, own in ((strong, phase), (other, phase + np.pi)):
        swing = np.clip(np.cos(own), 0, 1)
        motion.add(**{f"{side}_hip_flex": going * 24 * np.sin(own), f"{side}_knee": 10 + going * 46 * swing})
    down = rise(t, at[2], at[3] - at[2])
    deep = rng.uniform(40, 78)
    motion.add(pitch=10 + rng.uniform(16, 40) * down, spine=6 + rng.uniform(8, 26) * down, neck=-24 * down)
    motion.add(**{f"{other}_hip_flex": 14 + (deep + 24) * down, f"{other}_knee": 8 + deep * down})
    motion.add(**{f"{strong}_hip_flex": 6 - 28 * down, f"{strong}_knee": 12 + 30 * down})
    motion.add(**{f"{strong}_hip_abduct": -rng.uniform(6, 30) * down, f"{strong}_toe_point": 60 * down})
    back = rng.uniform(40, 85)
    flex = keyed(t, at, [rng.uniform(24, 45), 22, -back, rng.uniform(10, 40), rng.uniform(95, 165)])
    move_arm(motion, strong, arm_flex=flex, elbow=keyed(t, at, [105, 12, 5, 5, rng.uniform(10, 60)]), arm_abduct=6)
    helped = keyed(t, at, [1, 0, 0, 0, 0])
    move_arm(motion, other, arm_flex=10 + 26 * helped, elbow=24 + 80 * helped, arm_twist=-24 * helped)
    move_arm(motion, other, arm_abduct=12 + rng.uniform(26, 66) * (1 - helped))
    speed = rng.uniform(1.0, 2.0)
    motion.add(forward_m=np.cumsum(speed * going * np.gradient(t)))
    motion.walking = True


def pitch(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A pitch: set position, knee lifted, a long stride, the arm over the shoulder, the trunk over the front leg."""
    t, tempo = motion.time_s, style.tempo
    strong, other = dominant_sides(rng)
    sign = 1 if other == "left" else -1
    begin = rng.uniform(-1.2, 0.8)
    spans = [
        rng.uniform(0.2, 0.8),
        rng.uniform(0.5, 0.9),
        rng.uniform(0.35, 0.6),
        0.16,
        0.14,
        rng.uniform(0.3, 0.6),
        0.8,
    ]
    at = [begin, *(begin + np.cumsum(np.array(spans) / tempo)).tolist()]
    #              set  set  lifted stride cocked release over up
    lift = rng.uniform(74, 118)
    motion.add(**{f"{other}_hip_flex": keyed(t, at, [4, 4, lift, 50, 62, 66, 70, 30])})
    motion.add(**{f"{other}_knee": keyed(t, at, [8, 8, 100, 34, 48, 40, 34, 26])})
    motion.add(**{f"{other}_hip_abduct": keyed(t, at, [3, 3, 4, 26, 10, 6, 4, 4])})
    motion.add(**{f"{strong}_hip_flex": keyed(t, at, [4, 4, 8, 12, -10, -14, 20, 20])})
    motion.add(**{f"{strong}_knee": keyed(t, at, [6, 6, 14, 34, 40, 44, rng.uniform(50, 95), 30])})
    motion.add(**{f"{strong}_toe_point": keyed(t, at, [0, 0, 0, 14, 50, 62, 70, 10])})
    over = rng.uniform(26, 72)
    motion.add(
        pitch=keyed(t, at, [2, 2, -4, 2, 8, 0.5 * over, over, 20]), spine=keyed(t, at, [4, 4, 2, -6, -8, 20, 36, 14])
    )
    motion.add(spine_twist=sign * keyed(t, at, [-20, -20, -36, -46, -20, 30, 52, 30]))
    move_arm(motion, strong, arm_flex=keyed(t, at, [34, 34, 44, 4, 10, 96, 64, 30]))
    move_arm(motion, strong, arm_abduct=keyed(t, at, [8, 8, 14, 84, 96, 62, -14, 8]))
    move_arm(motion, strong, elbow=keyed(t, at, [104, 104, 108, 62, 96, 18, 20, 40]))
    move_arm(motion, strong, arm_twist=keyed(t, at, [-34, -34, -30, 20, 92, 30, 0, -10]))
    move_arm(
        motion,
        other,
        arm_flex=keyed(t, at, [34, 34, 46, 70, 52, 26, 10, 20]),
        arm_twist=keyed(t, at, [-34, -34, -30, 0, 0, 0, 0, -10]),
    )
    move_arm(
        motion,
        other,
        arm_abduct=keyed(t, at, [8, 8, 12, 36, 30, 14, 20, 10]),
        elbow=keyed(t, at, [104, 104, 106, 26, 60, 96, 80, 50]),
    )
    motion.held_left = np.full(len(t), 0.0 if strong == "right" else 1.0)


def serve(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A serve: bouncing or waiting, the toss, the racket behind the back, hit above the head, and into the court."""
    t, tempo = motion.time_s, style.tempo
    strong, other = dominant_sides(rng)
    sign = 1 if other == "left" else -1
    begin = rng.uniform(-0.9, 0.7)
    spans = [rng.uniform(0.1, 0.6), rng.uniform(0.6, 1.0), rng.uniform(0.25, 0.5), 0.18, 0.2, 0.5]
    at = [begin, *(begin + np.cumsum(np.array(spans) / tempo)).tolist()]
    #              ready ready toss trophy hit  down  after
    move_arm(
        motion,
        other,
        arm_flex=keyed(t, at, [30, 14, 158, 150, 60, 24, 20]),
        elbow=keyed(t, at, [50, 20, 6, 20, 80, 90, 40]),
    )
    move_arm(motion, other, arm_abduct=keyed(t, at, [6, 8, 20, 20, 8, 8, 10]))
    move_arm(
        motion,
        strong,
        arm_flex=keyed(t, at, [36, 8, 6, 20, 162, 60, 20]),
        elbow=keyed(t, at, [70, 24, 70, 122, 10, 20, 40]),
    )
    move_arm(
        motion,
        strong,
        arm_abduct=keyed(t, at, [8, 22, 80, 94, 24, -24, 6]),
        arm_twist=keyed(t, at, [-20, 0, 50, 92, 40, 0, -10]),
    )
    bend = rng.uniform(20, 62)
    motion.add(
        knee=keyed(t, at, [10, 10, 0.6 * bend, bend, 6, 18, 14]), hip_flex=keyed(t, at, [10, 8, 10, 16, 2, 26, 14])
    )
    motion.add(spine=keyed(t, at, [6, 4, -10, -18, -2, 26, 10]), pitch=keyed(t, at, [10, 4, -4, -8, 8, 34, 12]))
    motion.add(
        spine_twist=sign * keyed(t, at, [-16, -26, -44, -50, 10, 44, 20]),
        neck=keyed(t, at, [4, 0, -30, -36, -24, 6, 0]),
    )
    motion.add(up_m=rng.uniform(0, 0.25) * np.clip(1 - np.abs(t - at[4]) / 0.2, 0, 1), hip_abduct=rng.uniform(6, 14))
    step = rise(t, at[4], 0.4)
    motion.add(
        **{
            f"{strong}_hip_flex": 30 * step * (1 - rise(t, at[5], 0.6)),
            f"{strong}_knee": 40 * step * (1 - rise(t, at[5], 0.6)),
        }
    )
    motion.add(**{f"{strong}_toe_point": 50 * rise(t, at[3], 0.2) * (1 - rise(t, at[5], 0.4))})
    motion.walking = True


def forehand(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """A forehand: ready with bent knees, a step, the arm drawn back, then through to the other shoulder."""
    t, tempo = motion.time_s, style.tempo
    strong, other = dominant_sides(rng)
    sign = 1 if other == "left" else -1
    begin = rng.uniform(-0.7, 0.7)
    spans = [rng.uniform(0.05, 0.5), rng.uniform(0.4, 0.7), rng.uniform(0.2, 0.35), rng.uniform(0.2, 0.35), 0.6]
    at = [begin, *(begin + np.cumsum(np.array(spans) / tempo)).tolist()]
    low = rng.uniform(14, 44)
    #             ready ready back hit  through ready
    high = rng.uniform(80, 130)
    move_arm(
        motion,
        strong,
        arm_flex=keyed(t, at, [34, 34, -20, 40, high, 34]),
        elbow=keyed(t, at, [84, 84, 50, 24, 104, 84]),
    )
    move_arm(
        motion,
        strong,
        arm_abduct=keyed(t, at, [6, 6, 62, 44, -30, 6]),
        arm_twist=keyed(t, at, [-16, -16, 20, 10, -20, -16]),
    )
    move_arm(
        motion, other, arm_flex=keyed(t, at, [34, 34, 76, 40, 24, 34]), elbow=keyed(t, at, [84, 84, 36, 60, 84, 84])
    )
    move_arm(
        motion, other, arm_abduct=keyed(t, at, [6, 6, 2, 24, 34, 6]), arm_twist=keyed(t, at, [-16, -16, -10, 0, 0, -16])
    )
    motion.add(
        spine_twist=sign * keyed(t, at, [0, 0, -56, -8, 54, 0]) * style.amplitude, pitch=rng.uniform(4, 18), spine=6
    )
    motion.add(knee=low + keyed(t, at, [0, 0, 10, 0, -8, 0]), hip_flex=0.8 * low, hip_abduct=rng.uniform(8, 18))
    stepping = keyed(t, at, [0, 0, 1, 0.6, 0.2, 0])
    motion.add(**{f"{other}_hip_flex": 26 * stepping, f"{strong}_hip_flex": -14 * stepping})
    motion.add(**{f"{strong}_toe_point": keyed(t, at, [0, 0, 10, 44, 54, 0])})
    shuffle = wander(rng, t, rng.uniform(0, 9), 0.8)
    if rng.uniform() < 0.45:  # runs to the ball, or back
        going = np.clip(1 - rise(t, at[1] - 0.2, 0.5) + rng.uniform(0, 1) * rise(t, at[4], 0.5), 0, 1)
        shuffle = shuffle + rng.uniform(18, 42) * going * np.sin(2 * np.pi * rng.uniform(1.1, 1.8) * t)
    motion.add(left_hip_flex=shuffle, right_hip_flex=-shuffle, left_knee=np.abs(shuffle), right_knee=np.abs(shuffle))
    motion.walking = True
