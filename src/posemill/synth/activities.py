"""Activities as motion generators: one function each, which fills a Motion's channels.

Every function is given the motion (time set, channels at rest), the subject's style and a random generator, and
varies: which side, how far, how fast, what the arms do meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.errors import InputError
from posemill.synth import sports
from posemill.synth.asanas import YOGA
from posemill.synth.everyday import EVERYDAY
from posemill.synth.falls import FALLS
from posemill.synth.gestures import GESTURES
from posemill.synth.gym import GYM
from posemill.synth.motion import SIDES, Motion, Style, finish, repetitions, rise, wander
from posemill.synth.rotation import Floats
from posemill.synth.work import WORK

Activity = Callable[[Motion, Style, np.random.Generator], None]


def move(activity: str, time_s: Floats, style: Style, rng: np.random.Generator) -> Motion:
    """One take of an activity by a subject of that style; an unknown activity lists the known ones.

    time_s  (T,) seconds, increasing from 0.
    """
    if activity not in ACTIVITIES:
        raise InputError(f"unknown activity {activity!r}; known are {', '.join(ACTIVITIES)}")
    motion = Motion(np.asarray(time_s, np.float64))
    ACTIVITIES[activity](motion, style, rng)
    finish(motion, style, rng)
    return motion


def named(names: str) -> list[str]:
    """Activities out of names with commas between; those of GROUPS stand for several. InputError for others."""
    found: list[str] = []
    for name in filter(None, map(str.strip, names.split(","))):
        if name not in GROUPS and name not in ACTIVITIES:
            raise InputError(f"unknown activity {name!r}; known are {', '.join(GROUPS)} and {', '.join(ACTIVITIES)}")
        found += GROUPS.get(name, [name])
    return list(dict.fromkeys(found))


def _hang(motion: Motion, rng: np.random.Generator, side: str | None = None) -> None:
    """Arms (or one arm) hang, feet somewhat apart."""
    flex, abduct, elbow = rng.uniform(-5, 10), rng.uniform(8, 15), rng.uniform(8, 28)
    for each in (side,) if side else SIDES:
        motion.add(**{f"{each}_arm_flex": flex, f"{each}_arm_abduct": abduct, f"{each}_elbow": elbow})


def _stand(motion: Motion, rng: np.random.Generator) -> None:
    motion.add(hip_abduct=rng.uniform(2, 8), hip_twist=rng.uniform(2, 14), knee=rng.uniform(2, 8))
    motion.add(head_turn=wander(rng, motion.time_s, rng.uniform(2, 10), 4.0))


def _hands_on_hips(motion: Motion) -> None:
    motion.add(arm_abduct=48, arm_flex=-18, arm_twist=-75, elbow=98)


def idle(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Standing about: arms hanging, on the hips, folded, or one hand at a phone or at the head for a while."""
    _stand(motion, rng)
    motion.add(head_turn=wander(rng, motion.time_s, 14, 3.5), roll=wander(rng, motion.time_s, 1.2, 4.0))
    kind, side = rng.integers(5), SIDES[rng.integers(2)]
    other = SIDES[1 - SIDES.index(side)]
    if kind == 0:
        _hands_on_hips(motion)
    elif kind == 1:
        motion.add(arm_flex=32, arm_abduct=6, arm_twist=-52, elbow=96)
    elif kind == 2:
        _hang(motion, rng, other)
        motion.add(**{f"{side}_arm_flex": 28, f"{side}_arm_twist": -25, f"{side}_elbow": 108}, neck=24)
    elif kind == 3:
        _hang(motion, rng, other)
        start = rng.uniform(0.2, 1.2)
        there = rise(motion.time_s, start, 0.6) - rise(motion.time_s, start + rng.uniform(1.0, 1.8), 0.6)
        motion.add(
            **{f"{side}_arm_flex": 70 * there, f"{side}_arm_abduct": 12 + 20 * there, f"{side}_elbow": 15 + 115 * there}
        )
    else:
        _hang(motion, rng)
    if kind != 4:
        return
    motion.add(arm_flex=wander(rng, motion.time_s, 5, 2.5))


def walk(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Walking straight on."""
    stride = rng.uniform(22, 28) * style.amplitude
    rate = rng.uniform(0.82, 0.98) * style.tempo**0.6
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 2 * np.pi) + wander(rng, motion.time_s, 0.1)
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        swing = np.clip(np.cos(own), 0, 1)
        motion.add(
            **{
                f"{side}_hip_flex": 6 + stride * np.sin(own),
                f"{side}_knee": 8 + 52 * swing**1.3,
                f"{side}_toe_point": 30 * np.clip(-np.sin(own - 0.5), 0, 1) ** 3 - 14 * np.clip(np.sin(own), 0, 1) ** 4,
                f"{side}_arm_flex": -4 - rng.uniform(0.7, 1.1) * stride * np.sin(own),
                f"{side}_arm_abduct": 9,
                f"{side}_elbow": 18 + 10 * np.clip(-np.sin(own), 0, 1),
            }
        )
    motion.add(spine=3, spine_twist=-5 * np.sin(phase), hip_abduct=1, hip_twist=5)
    speed = 4 * 0.86 * np.sin(np.deg2rad(stride)) * rate
    motion.add(forward_m=speed * (motion.time_s - motion.time_s.mean()))
    motion.walking = True


def squat(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Squats, arms forward, folded before the chest or on the hips."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.7, 2.2) / style.tempo, 0.12)
    u = u * style.amplitude * rng.uniform(0.85, 1.0)
    motion.add(hip_flex=112 * u, knee=6 + 108 * u, pitch=32 * u, spine=8 * u, neck=-22 * u)
    motion.add(hip_abduct=9 + 6 * u, hip_twist=16)
    kind = rng.integers(3)
    if kind == 0:
        motion.add(arm_flex=5 + 82 * u, arm_abduct=8, elbow=12)
    elif kind == 1:
        motion.add(arm_flex=32, arm_abduct=10, arm_twist=-45, elbow=112)
    else:
        _hands_on_hips(motion)


def jumping_jack(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Jumping jacks: arms up and legs apart, and back."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(0.95, 1.25) / style.tempo, 0.04)
    u = u * style.amplitude
    motion.add(arm_abduct=12 + rng.uniform(135, 158) * u, elbow=14 + 12 * np.sin(np.pi * np.clip(u, 0, 1)))
    motion.add(hip_abduct=2 + rng.uniform(18, 24) * u, hip_twist=8)
    flight = np.sin(np.pi * np.clip(u, 0, 1)) ** 2
    motion.add(up_m=0.07 * flight, knee=8 + 10 * (1 - flight), hip_flex=4 + 5 * (1 - flight), toe_point=28 * flight)


def wave(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Waving with one raised hand, the other arm hanging."""
    _stand(motion, rng)
    side = SIDES[rng.integers(2)]
    _hang(motion, rng, SIDES[1 - SIDES.index(side)])
    beat = np.sin(2 * np.pi * rng.uniform(1.3, 2.1) * style.tempo * motion.time_s + rng.uniform(0, 6))
    beat = beat * style.amplitude * (1 + wander(rng, motion.time_s, 0.12))
    up = rise(motion.time_s, rng.uniform(-0.8, 0.3), 0.5)
    high = rng.uniform(0, 1)
    motion.add(
        **{
            f"{side}_arm_abduct": 10 + (50 + 65 * high + 6 * beat) * up,
            f"{side}_arm_flex": rng.uniform(0, 18) * up,
            f"{side}_arm_twist": (85 - 15 * high) * up,
            f"{side}_elbow": 15 + (80 - 35 * high + rng.uniform(20, 28) * beat) * up,
        }
    )
    motion.add(roll=1.5 * beat * rng.uniform(0, 1))


def push_up(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Push-ups, with a short hold at the top."""
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.4, 1.9) / style.tempo, 0.2)
    u = u * style.amplitude * rng.uniform(0.85, 1.05)
    elbow = 12 + 80 * u
    motion.add(pitch=76, elbow=elbow, arm_flex=76 - 0.5 * elbow + 8 * u, arm_abduct=10 + 28 * u, arm_twist=-12 * u)
    motion.add(neck=-rng.uniform(5, 28), spine=rng.uniform(-4, 4), hip_flex=rng.uniform(-3, 9), knee=3)
    motion.add(toe_point=68, hip_abduct=rng.uniform(1, 6))
    motion.hands_down = True


def plank(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Holding a plank, on the hands or on the forearms; hips sag or rise slowly."""
    sag = rng.uniform(-5, 12) + wander(rng, motion.time_s, 2.0, 3.0) + 3 * motion.time_s * rng.uniform(-1, 1)
    motion.add(pitch=78, hip_flex=sag, knee=3, toe_point=68, hip_abduct=rng.uniform(1, 6), neck=-rng.uniform(0, 25))
    if rng.uniform() < 0.5:
        motion.add(arm_flex=72, arm_abduct=9, elbow=8)
    else:
        motion.add(arm_flex=82, arm_abduct=6, elbow=88)
    motion.hands_down = True


def fall(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Falling forward, backward or to a side from standing, then lying there."""
    start, length = rng.uniform(0.35, 1.0), rng.uniform(0.75, 1.05) / style.tempo**0.5
    w = np.clip((motion.time_s - start) / length, 0, 1) ** 1.8
    mid = np.sin(np.pi * w)
    _stand(motion, rng)
    _hang(motion, rng)
    motion.add(knee=48 * mid, hip_flex=28 * mid)
    (_fall_forward, _fall_backward, _fall_sideways)[rng.integers(3)](motion, w, mid, rng)


def _fall_forward(motion: Motion, w: Floats, mid: Floats, rng: np.random.Generator) -> None:
    motion.add(pitch=86 * w, neck=-18 * w, toe_point=80 * w, knee=rng.uniform(2, 25) * w)
    motion.add(arm_flex=60 * mid, arm_abduct=rng.uniform(50, 135) * w, arm_twist=85 * w, elbow=rng.uniform(10, 70) * w)


def _fall_backward(motion: Motion, w: Floats, mid: Floats, rng: np.random.Generator) -> None:
    bend = rng.uniform(0, 28)
    motion.add(pitch=-85 * w, neck=18 * mid, toe_point=-55 * w, hip_flex=bend * w, knee=1.5 * bend * w)
    motion.add(arm_flex=45 * mid, arm_abduct=40 * mid + rng.uniform(15, 80) * w, arm_twist=80 * w)


def _fall_sideways(motion: Motion, w: Floats, mid: Floats, rng: np.random.Generator) -> None:
    sign = rng.choice([-1, 1])  # 1: the person's right is down
    low, high = ("right", "left") if sign > 0 else ("left", "right")
    motion.add(roll=sign * 84 * w, spine_side=-sign * 10 * mid, hip_flex=rng.uniform(5, 40) * w)
    motion.add(knee=rng.uniform(10, 55) * w, toe_point=20 * w)
    motion.add(**{f"{low}_arm_flex": rng.uniform(60, 150) * w, f"{low}_arm_abduct": 50 * mid - 8 * w})
    motion.add(**{f"{high}_arm_flex": rng.uniform(25, 70) * w, f"{high}_arm_abduct": -14 * w, f"{high}_elbow": 30 * w})


def sit(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Sitting down on a chair, hands to the thighs."""
    start, length = rng.uniform(0.2, 0.9), rng.uniform(1.0, 1.5) / style.tempo
    u = rise(motion.time_s, start, length)
    lean = np.sin(np.pi * u) * style.amplitude
    back = rng.uniform(-8, 4)
    motion.add(hip_flex=(86 + back) * u + 34 * lean, knee=4 + 84 * u + 12 * lean, pitch=back * u + 32 * lean)
    motion.add(neck=-12 * lean, hip_abduct=3 + rng.uniform(0, 8) * u, hip_twist=8)
    motion.add(arm_flex=4 + rng.uniform(18, 34) * u, arm_abduct=10, elbow=14 + rng.uniform(40, 66) * u)
    motion.add(arm_twist=-rng.uniform(5, 25) * u)
    motion.chair = True


def lunge(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Lunges forward, mostly left and right by turns."""
    u, number = repetitions(rng, motion.time_s, rng.uniform(1.7, 2.2) / style.tempo, 0.08)
    u = u * style.amplitude
    turn, alternate = rng.integers(2), rng.uniform() < 0.75
    left = (number + turn) % 2 == 0 if alternate else np.full(len(u), turn == 0)
    motion.held_left = np.where(left, 0.0, 1.0)  # the rear foot stays
    for side, ahead in zip(SIDES, (left, ~left), strict=True):
        motion.add(
            **{
                f"{side}_hip_flex": np.where(ahead, 82, -12) * u,
                f"{side}_knee": 4 + np.where(ahead, 84, 78) * u,
                f"{side}_toe_point": np.where(ahead, 0, 62) * u,
            }
        )
    motion.add(pitch=6 * u, hip_abduct=3, hip_twist=3)
    if rng.uniform() < 0.5:
        _hands_on_hips(motion)
    else:
        _hang(motion, rng)


def arm_raise(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Raising both arms, to the sides or to the front, to shoulder height or above the head."""
    _stand(motion, rng)
    u, _ = repetitions(rng, motion.time_s, rng.uniform(1.7, 2.4) / style.tempo, 0.1)
    u = u * style.amplitude
    top = rng.uniform(78, 98) if rng.uniform() < 0.6 else rng.uniform(135, 160)
    if rng.uniform() < 0.6:
        motion.add(arm_abduct=10 + top * u, elbow=10)
    else:
        motion.add(arm_flex=4 + top * u, arm_abduct=9, elbow=10)


def high_knees(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Lifting the knees by turns in place, arms swinging."""
    rate = rng.uniform(0.75, 1.15) * style.tempo
    phase = 2 * np.pi * rate * motion.time_s + rng.uniform(0, 6) + wander(rng, motion.time_s, 0.12)
    height = rng.uniform(68, 95) * style.amplitude
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        u = np.clip(np.sin(own), 0, 1) ** 0.9
        leg: dict[str, Floats | float] = {
            f"{side}_hip_flex": height * u,
            f"{side}_knee": 5 + 92 * u,
            f"{side}_toe_point": 22 * u,
            f"{side}_arm_flex": -8 - 32 * np.sin(own),
            f"{side}_elbow": float(rng.uniform(60, 90)),
            f"{side}_arm_abduct": 8,
        }
        motion.add(**leg)
    motion.add(hip_abduct=2, hip_twist=3)
    motion.held_left = 0.5 - 0.5 * np.tanh(3 * np.sin(phase))  # the standing foot stays


# in this order for ever: a seed's clips depend on an activity's place
USUAL: Mapping[str, Activity] = MappingProxyType(
    {
        a.__name__: a
        for a in (
            idle,
            walk,
            squat,
            jumping_jack,
            wave,
            push_up,
            plank,
            fall,
            sit,
            lunge,
            arm_raise,
            high_knees,
        )
    }
)
SPORTS: Mapping[str, Activity] = MappingProxyType(
    {
        a.__name__: a
        for a in (
            sports.sit_up,
            sports.pull_up,
            sports.bench_press,
            sports.clean_and_jerk,
            sports.jump_rope,
            sports.strum_guitar,
            sports.golf_swing,
            sports.baseball_swing,
            sports.baseball_pitch,
            sports.bowl,
            sports.tennis_serve,
            sports.tennis_forehand,
        )
    }
)
ACTIVITIES: Mapping[str, Activity] = MappingProxyType(
    {**USUAL, **SPORTS, **FALLS, **EVERYDAY, **YOGA, **GYM, **GESTURES, **WORK}
)
GROUPS: Mapping[str, Mapping[str, Activity]] = MappingProxyType(
    {
        "usual": USUAL,
        "sports": SPORTS,
        "falls": FALLS,
        "everyday": EVERYDAY,
        "yoga": YOGA,
        "gym": GYM,
        "gestures": GESTURES,
        "work": WORK,
        "all": ACTIVITIES,
    }
)
