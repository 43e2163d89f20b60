"""Gym exercises with weights and with the body alone, as motion generators.

Weights are not there: what a pose network sees of the person is what counts. Every generator varies how far, with which
arms and how fast, and its repetitions are none like the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.synth.motion import SIDES, Motion, Style, repetitions, rise, wander
from posemill.synth.rotation import Floats

Activity = Callable[[Motion, Style, np.random.Generator], None]


def _stand(motion: Motion, rng: np.random.Generator, wide: float = 0.0) -> None:
    motion.add(hip_abduct=wide + rng.uniform(2, 10), hip_twist=rng.uniform(2, 18), knee=rng.uniform(2, 10))


def deadlift(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Deadlifts: a bar from the floor to the hips on hanging arms, with bent or stiff legs."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(2.2, 4.2) / style.tempo, rng.uniform(0.05, 0.3))
    kind = rng.uniform()
    if kind < 0.5:  # one lift, from a pause below, and perhaps down again
        begin, length = rng.uniform(-0.2, 2.4), rng.uniform(0.7, 1.9) / style.tempo
        low = 1 - rise(motion.time_s, begin, length)
        if rng.uniform() < 0.4:
            low = low + rise(motion.time_s, begin + length + rng.uniform(0.2, 1.5), rng.uniform(0.7, 1.6))
    else:
        low = np.clip(u, 0, 1.1) if kind < 0.8 else 1 - np.clip(u, 0, 1)
    stiff = rng.uniform() < 0.35
    knee = rng.uniform(12, 35) if stiff else rng.uniform(60, 95)
    pitch = rng.uniform(64, 88) if stiff else rng.uniform(44, 66)
    motion.add(knee=4 + knee * low, pitch=pitch * low, hip_flex=(pitch + 0.55 * knee) * low)
    motion.add(spine=rng.uniform(0, 22) * low, neck=-rng.uniform(0, 30) * low)
    _stand(motion, rng, rng.choice([0.0, 0.0, 16.0]))
    motion.add(arm_flex=2 + (0.9 * pitch + 8) * low, arm_abduct=rng.uniform(4, 14), elbow=rng.uniform(2, 9))


def bicep_curl(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Curls with dumbbells or a bar: both arms, or one after the other."""
    u, number = repetitions(rng, motion.time_s, rng.uniform(1.4, 3.2) / style.tempo, rng.uniform(0.05, 0.25))
    _stand(motion, rng)
    kind, top, out = rng.integers(3), rng.uniform(105, 140), rng.uniform(4, 16)
    swing = rng.uniform(0, 24)
    for side, even in zip(SIDES, (0, 1), strict=True):
        own = u if kind == 0 else u * (number % 2 == even) if kind == 1 else u * float(even)
        motion.add(**{f"{side}_elbow": 10 + top * own, f"{side}_arm_flex": swing * own, f"{side}_arm_abduct": out})
    motion.add(pitch=-rng.uniform(0, 5) * u, arm_twist=rng.uniform(-10, 22))
    if rng.uniform() < 0.12:  # on a bench
        motion.add(hip_flex=86, knee=84)


def shoulder_press(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Overhead presses with dumbbells or a bar, standing or on a bench."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.4, 3.0) / style.tempo, rng.uniform(0.05, 0.2))
    u = np.clip(u, 0, 1)
    _stand(motion, rng)
    if rng.uniform() < 0.6:  # elbows outward
        motion.add(arm_abduct=72 + rng.uniform(82, 98) * u, arm_twist=88, elbow=rng.uniform(92, 118) * (1 - u) + 8)
    else:  # elbows ahead
        motion.add(arm_flex=rng.uniform(28, 55) + 122 * u, arm_abduct=16, elbow=136 - 126 * u)
    motion.add(spine=-rng.uniform(0, 10) * u, knee=rng.uniform(0, 14) * (1 - u) * (rng.uniform() < 0.3))
    if rng.uniform() < 0.3:
        motion.add(hip_flex=88, knee=80)


def lateral_raise(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Raising dumbbells to the sides or to the front, up to the shoulders."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.6, 3.2) / style.tempo, rng.uniform(0.05, 0.2))
    _stand(motion, rng)
    top = rng.uniform(68, 96)
    if rng.uniform() < 0.65:
        motion.add(arm_abduct=10 + top * u, elbow=rng.uniform(8, 28))
    else:
        motion.add(arm_flex=4 + top * u, arm_abduct=9, elbow=rng.uniform(5, 18))


def kettlebell_swing(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Kettlebell swings: the hips bend and snap, straight arms swing from between the legs to the chest or higher."""
    period = rng.uniform(1.3, 2.0) / style.tempo
    phase = 2 * np.pi * motion.time_s / period + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.12)
    up = 0.5 - 0.5 * np.cos(phase)
    bent = (1 - up) ** 1.4
    pitch, top = rng.uniform(42, 66), rng.uniform(78, 110) if rng.uniform() < 0.75 else rng.uniform(140, 172)
    motion.add(pitch=pitch * bent, hip_flex=(pitch + 24) * bent, knee=8 + rng.uniform(20, 48) * bent)
    motion.add(neck=-20 * bent, hip_abduct=rng.uniform(10, 18), hip_twist=16)
    motion.add(arm_flex=(pitch - 32) * bent + top * up**1.2, arm_abduct=-rng.uniform(4, 12), elbow=rng.uniform(4, 14))


def bent_over_row(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Rows: bent over, elbows pulled from hanging to behind the back; both arms or one."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.4, 2.8) / style.tempo, 0.1)
    pitch, knee = rng.uniform(40, 78), rng.uniform(12, 45)
    motion.add(pitch=pitch, hip_flex=pitch + 0.5 * knee, knee=knee, neck=-rng.uniform(5, 35), spine=rng.uniform(-4, 10))
    _stand(motion, rng)
    sides = SIDES if rng.uniform() < 0.7 else (SIDES[rng.integers(2)],)
    for side in SIDES:
        own = u if side in sides else np.zeros_like(u)
        motion.add(**{f"{side}_arm_flex": pitch - (pitch + 30) * own, f"{side}_elbow": 6 + 96 * own})
    motion.add(arm_abduct=rng.uniform(6, 34))


def burpee(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Burpees: down to the hands, legs back to a plank, up again and a jump."""
    period = rng.uniform(2.2, 4.2) / style.tempo
    phase = (motion.time_s / period + rng.uniform()) % 1.0
    at = (0.0, 0.14, 0.26, 0.40, 0.54, 0.66, 0.80, 0.90, 1.0)
    chest = rng.uniform() < 0.5

    def key(*values: float) -> Floats:
        return np.interp(phase, at, values)

    #             stand squat hands plank plank hands squat jump stand
    motion.add(pitch=key(0, 34, 58, 76, 76, 60, 30, -2, 0), knee=key(6, 112, 118, 4, 4, 116, 96, 8, 6))
    motion.add(hip_flex=key(2, 112, 134, 4, 4, 132, 96, 0, 2), toe_point=key(0, 10, 40, 68, 68, 40, 8, 34, 0))
    dip = key(0, 0, 0, 0, float(chest), 0, 0, 0, 0)
    up = rng.uniform(90, 172)
    motion.add(arm_flex=key(4, 56, 72, 74, 74, 72, 40, up, 4) - 30 * dip, elbow=key(14, 16, 10, 8, 8, 10, 20, 20, 14))
    motion.add(elbow=76 * dip, arm_abduct=9 + 20 * dip, neck=-key(0, 10, 24, 18, 18, 24, 8, 0, 0), hip_abduct=6)
    motion.add(up_m=rng.uniform(0.05, 0.25) * np.interp(phase, (0.78, 0.86, 0.92, 0.98), (0, 1, 1, 0)))
    motion.walking = rng.uniform() < 0.5


def mountain_climber(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Mountain climbers: in a plank on the hands, the knees are pulled to the chest by turns."""
    rate = rng.uniform(0.6, 1.5) * style.tempo
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.15)
    far = rng.uniform(60, 100) * style.amplitude
    motion.add(pitch=72, arm_flex=74, arm_abduct=9, elbow=7, neck=-rng.uniform(4, 28), hip_abduct=4, toe_point=68)
    motion.add(hip_flex=rng.uniform(2, 22), knee=5)
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        u = np.clip(np.sin(own), 0, 1) if rng.uniform() < 2 else own
        motion.add(**{f"{side}_hip_flex": far * u, f"{side}_knee": (far + 6) * u})
    motion.hands_down = True


def leg_raise(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Leg raises and flutter kicks on the back."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.6, 3.6) / style.tempo, 0.08)
    motion.add(pitch=-88, neck=rng.uniform(0, 22), arm_abduct=rng.uniform(8, 30), arm_flex=3, elbow=rng.uniform(4, 20))
    top, bend = rng.uniform(60, 92), rng.uniform(2, 30)
    if rng.uniform() < 0.7:
        motion.add(hip_flex=rng.uniform(0, 14) + top * u, knee=bend, toe_point=40)
        return
    phase = 2 * np.pi * rng.uniform(0.8, 2.0) * motion.time_s
    motion.add(hip_flex=rng.uniform(18, 32), knee=bend, toe_point=40)
    motion.add(left_hip_flex=14 * np.sin(phase), right_hip_flex=-14 * np.sin(phase))


def glute_bridge(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Hip raises on the back with bent knees, again and again or held."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.6, 3.2) / style.tempo, 0.1)
    lift = rng.uniform(18, 30) * (u if rng.uniform() < 0.75 else 1.0)
    motion.add(pitch=-88 - lift, hip_flex=rng.uniform(36, 50) * (1 - lift / 30), knee=rng.uniform(86, 104))
    motion.add(neck=0.9 * lift, arm_abduct=rng.uniform(10, 24), elbow=rng.uniform(3, 12), arm_flex=4 - lift)
    motion.add(hip_abduct=rng.uniform(2, 9))


def cycle(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Riding a bicycle or an exercise bike: sitting, hands ahead, the legs turn."""
    rate = rng.uniform(0.7, 1.6) * style.tempo
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.1)
    pitch = rng.uniform(8, 48)
    motion.add(pitch=pitch, spine=rng.uniform(2, 18), neck=-0.7 * pitch, arm_flex=rng.uniform(48, 66) + 0.4 * pitch)
    motion.add(arm_abduct=rng.uniform(4, 16), elbow=rng.uniform(6, 36), hip_abduct=3)
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        up = np.sin(own)
        leg = {f"{side}_hip_flex": pitch + 44 + 23 * up, f"{side}_knee": 70 + 37 * np.sin(own + 0.5)}
        motion.add(**leg, **{f"{side}_toe_point": 14 + 12 * np.sin(own + 2)})
    motion.walking = True
    motion.add(up_m=0.25)


def vertical_jump(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Jumps straight up (squat jumps): down, a leap with the arms, landing."""
    period = rng.uniform(0.9, 1.9) / style.tempo
    phase = (motion.time_s / period + rng.uniform()) % 1.0
    down = np.interp(phase, (0, 0.28, 0.42, 0.66, 0.78, 1.0), (0.15, 1, 0, 0.05, 0.8, 0.15))
    air = np.clip(np.sin(np.pi * np.clip((phase - 0.40) / 0.28, 0, 1)), 0, 1)
    deep = rng.uniform(46, 104)
    motion.add(knee=5 + deep * down, hip_flex=deep * down, pitch=0.36 * deep * down, hip_abduct=rng.uniform(3, 11))
    motion.add(up_m=rng.uniform(0.1, 0.4) * air, toe_point=38 * air, spine=4 * down)
    arms = rng.integers(3)
    if arms == 0:
        motion.add(arm_flex=-30 * down + rng.uniform(90, 170) * air, arm_abduct=10, elbow=18)
    elif arms == 1:
        motion.add(arm_flex=36, arm_abduct=8, arm_twist=-45, elbow=116)
    else:
        motion.add(arm_flex=-10 + 30 * down, arm_abduct=12, elbow=20)


def side_bend(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Stretching to the sides, standing: the trunk bends left and right, arms above or on the hips."""
    u = np.sin(2 * np.pi * motion.time_s / (rng.uniform(2.4, 5.0) / style.tempo) + rng.uniform(0, 6))
    far = rng.uniform(16, 32)
    motion.add(spine_side=far * u, roll=0.35 * far * u, hip_abduct=rng.uniform(5, 18), knee=4)
    kind = rng.integers(3)
    if kind == 0:
        motion.add(arm_abduct=rng.uniform(140, 168), elbow=rng.uniform(8, 40))
    elif kind == 1:
        motion.add(arm_abduct=48, arm_flex=-18, arm_twist=-75, elbow=98)
    else:
        for side, own in (("left", np.clip(-u, 0, 1)), ("right", np.clip(u, 0, 1))):
            motion.add(**{f"{side}_arm_abduct": 14 + 140 * own, f"{side}_elbow": 12 + 26 * own})


def side_lunge(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Lunges to the side: one knee bends, the other leg stays straight."""
    u, number = repetitions(rng, motion.time_s, rng.uniform(1.8, 3.0) / style.tempo, 0.08)
    left = (number + rng.integers(2)) % 2 == 0
    for side, own in (("left", u * left), ("right", u * ~left)):
        motion.add(**{f"{side}_knee": 4 + 88 * own, f"{side}_hip_flex": 84 * own})
    motion.add(hip_abduct=rng.uniform(16, 26) + 14 * u, hip_twist=10, pitch=26 * u, spine=6 * u)
    if rng.uniform() < 0.5:
        motion.add(arm_flex=8 + 70 * u, elbow=14, arm_abduct=8)
    else:
        motion.add(arm_flex=34, arm_abduct=8, arm_twist=-46, elbow=112)


def arms_changed(activity: Activity, *arms: Mapping[str, float]) -> Activity:
    """Return an activity whose arms are held another way: of several ways a random one. Its legs stay as they are."""

    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        activity(motion, style, rng)
        chosen = arms[int(rng.integers(len(arms)))]
        off = rng.normal(0, 5, 4)
        for side in SIDES:
            for number, limb in enumerate(("arm_flex", "arm_abduct", "arm_twist", "elbow")):
                value = chosen.get(f"{side}_{limb}", chosen.get(limb, 0.0)) + off[number]
                motion.channels[f"{side}_{limb}"] = np.full(len(motion.time_s), float(value))

    fill.__name__, fill.__doc__ = activity.__name__, activity.__doc__
    return fill


BAR_ON_BACK: Mapping[str, float] = MappingProxyType({"arm_abduct": 48, "arm_flex": -14, "arm_twist": 62, "elbow": 138})
BAR_IN_FRONT: Mapping[str, float] = MappingProxyType({"arm_flex": 78, "arm_abduct": 14, "elbow": 138})
GOBLET: Mapping[str, float] = MappingProxyType({"arm_flex": 30, "arm_abduct": 14, "arm_twist": -40, "elbow": 128})
HANGING: Mapping[str, float] = MappingProxyType({"arm_flex": 6, "arm_abduct": 12, "elbow": 12})
BEHIND_HEAD: Mapping[str, float] = MappingProxyType({"arm_flex": 112, "arm_abduct": 46, "elbow": 136})
OVERHEAD: Mapping[str, float] = MappingProxyType({"arm_flex": 166, "arm_abduct": 16, "elbow": 8})
AHEAD: Mapping[str, float] = MappingProxyType({"arm_flex": 84, "arm_abduct": 6, "elbow": 8})
ON_HIPS: Mapping[str, float] = MappingProxyType({"arm_abduct": 48, "arm_flex": -18, "arm_twist": -75, "elbow": 98})


def on_a_seat(activity: Activity) -> Activity:
    """Return an activity of the arms that is done sitting on a chair, a bed or the floor."""

    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        activity(motion, style, rng)
        lean, knee = rng.uniform(-12, 12), rng.uniform(66, 104)
        for side in SIDES:
            motion.channels[f"{side}_hip_flex"] = np.full(len(motion.time_s), rng.uniform(78, 94) + lean)
            motion.channels[f"{side}_knee"] = np.full(len(motion.time_s), knee + rng.normal(0, 5))
        if rng.uniform() < 0.25:  # one leg over the other, or both crossed
            side = SIDES[rng.integers(2)]
            motion.add(**{f"{side}_hip_twist": 55.0, f"{side}_hip_abduct": 24.0, f"{side}_knee": 22.0})
        motion.add(pitch=lean)

    fill.__name__, fill.__doc__ = activity.__name__, activity.__doc__
    return fill


def on_the_feet(activity: Activity) -> Activity:
    """Return an activity of the arms that is done standing, whatever it does otherwise."""

    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        activity(motion, style, rng)
        for side in SIDES:
            for limb in ("hip_flex", "knee", "hip_abduct", "hip_twist"):
                motion.channels[f"{side}_{limb}"] = np.full(len(motion.time_s), rng.uniform(1, 7))
        motion.channels["pitch"] = wander(rng, motion.time_s, 1.0, 3.0)

    fill.__name__, fill.__doc__ = activity.__name__, activity.__doc__
    return fill


GYM: Mapping[str, Activity] = MappingProxyType(
    {
        a.__name__: a
        for a in (
            deadlift,
            bicep_curl,
            shoulder_press,
            lateral_raise,
            kettlebell_swing,
            bent_over_row,
            burpee,
            mountain_climber,
            leg_raise,
            glute_bridge,
            cycle,
            vertical_jump,
            side_bend,
            side_lunge,
        )
    }
)
