"""Everyday life and exercise: what looks like a fall and is none, and what does not.

An action continues a script whose person stands (or sits, or lies, as its name says), and notes the class of what is
done from when on. Transitions to a seat, a bed or the floor are controlled: a fall's are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.synth.motion import Motion, Style, wander
from posemill.synth.postures import (
    ALL_FOURS,
    CROUCH,
    HALF_KNEEL,
    KNEEL,
    SIT_HEELS,
    STOOP,
    cross_legged,
    floor_seat,
    prone,
    seated,
    stand,
    supine,
    varied,
)
from posemill.synth.rotation import Floats
from posemill.synth.script import Script

Action = Callable[[Script, np.random.Generator, float], None]

UPRIGHT, SITTING, BENDING, FLOOR = "upright", "sitting", "bending", "floor_activity"
LYING_DOWN, STILL, FALLING = "lying_down", "lying", "falling"
CLASSES = (UPRIGHT, SITTING, BENDING, FLOOR, LYING_DOWN, STILL, FALLING)
LEAN: Mapping[str, float] = {"pitch": 36, "hip_flex": 60, "knee": 42, "spine": 14, "arm_flex": 30, "elbow": 16}


def get_up(script: Script, lying: str, rng: np.random.Generator) -> None:
    """Get up from the floor: to hands and knees (or the seat), one foot ahead, and up.

    lying  prone, supine, side (the right one) or seat.
    """
    slow = rng.uniform(0.8, 1.5)
    script.doing(FLOOR).to(None, 0.1, restless=1.0, pinned=0.0)
    if lying == "side":
        _to_the_front(script, slow)
    if lying == "supine":
        sit_up = {"pitch": -45, "hip_flex": 67, "knee": 44, "spine": 24, "neck": 14, "arm_flex": -20, "elbow": 60}
        script.to(sit_up, 0.9 * slow).to(floor_seat(rng, knees=40), 0.8 * slow)
    if lying in ("supine", "seat"):
        script.to(_low(), 0.9 * slow)
    else:
        script.to(dict(ALL_FOURS), 1.2 * slow).hold(0.2, hands=1.0).hold(rng.uniform(0.1, 1.0)).hold(0.15, hands=0.0)
        script.to(dict(HALF_KNEEL), 1.1 * slow).hold(rng.uniform(0.1, 0.8))
    script.to(dict(LEAN), 0.7 * slow, pinned=1.0).doing(UPRIGHT).to(stand(rng), 0.7 * slow)


def _low() -> dict[str, float]:
    """A deep squat on the way from the seat to the feet."""
    return {
        "pitch": 20,
        "hip_flex": 124,
        "knee": 128,
        "toe_point": 12,
        "spine": 24,
        "arm_flex": 50,
        "elbow": 16,
        "hip_abduct": 12,
    }


def _to_the_front(script: Script, slow: float) -> None:
    """Roll from the right side onto the front; then the posture is written as lying face down."""
    flat = {"roll": 90.0, "knee": 12.0, "ankle": 60.0, "arm_abduct": 60.0, "arm_twist": 80.0, "elbow": 60.0}
    script.to(flat, 0.9 * slow, spin=-90.0)
    front = {name: value for name, value in flat.items() if name != "roll"} | {"pitch": 90.0}
    script.cut(front, spin=0.0, heading=script.value("heading") - 90.0)


def sit_down(
    script: Script, rng: np.random.Generator, quick: bool = False, height_m: float = 0.45, lean: float | None = None
) -> None:
    """Sit down on a seat behind, slowly or plumping onto it; ends seated."""
    sit = seated(rng, lean)
    script.doing(SITTING)
    if quick:
        script.to(_toward(script, sit, 0.45) | {"pitch": 14.0}, rng.uniform(0.22, 0.34), pelvis_m=0.75 * height_m)
        script.land(sit, rng.uniform(0.16, 0.26), pelvis_m=height_m)
        script.to(sit | {"pitch": sit["pitch"] - 6, "hip_flex": sit["hip_flex"] - 6}, 0.3)
        return
    length = rng.uniform(0.9, 2.4)
    script.to(dict(LEAN) | {"pitch": 42}, 0.45 * length).to(sit, 0.55 * length, pelvis_m=height_m)
    script.to(sit, 0.2, restless=0.7)


def stand_up(script: Script, rng: np.random.Generator) -> None:
    """Stand up from a seat."""
    length = rng.uniform(0.9, 2.0)
    script.doing(SITTING).to(_toward(script, LEAN, 0.5) | {"pitch": 40.0, "spine": 16.0}, 0.4 * length, pinned=1.0)
    script.to(dict(LEAN), 0.25 * length, pelvis_m=0.0, restless=1.0)
    script.doing(UPRIGHT).to(stand(rng), 0.4 * length)


def _toward(script: Script, end: Mapping[str, float], share: float) -> dict[str, float]:
    begin, final = script.pose(), script.pose(end)
    return {name: (1 - share) * begin[name] + share * final[name] for name in begin}


def _sitting(script: Script, rng: np.random.Generator, stay_s: float, quick: bool) -> None:
    """Sit for a while: still, typing, drinking, talking with the hands, looking down; then stand up."""
    sit_down(script, rng, quick, rng.uniform(0.4, 0.5))
    sit_for(script, rng, stay_s)
    stand_up(script, rng)


def sit_for(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Stay seated and do something."""
    script.doing(SITTING)
    left = stay_s
    while left > 0:
        length = min(left, rng.uniform(2.0, 30.0))
        base, kind = seated(rng), int(rng.integers(4))
        if kind == 0:
            base |= {"arm_flex": 44, "elbow": 72, "neck": 16, "arm_twist": -14}
        elif kind == 1:
            base |= {"neck": 30, "spine": 14, "arm_flex": 36, "elbow": 96, "arm_twist": -30}
        elif kind == 2 and rng.uniform() < 0.4:  # leaning far forward
            base |= {"pitch": 30, "hip_flex": 118, "spine": 16, "arm_flex": 42}
        script.to(base, min(1.2, 0.5 * length))
        if rng.uniform() < 0.5:
            script.overlay(script.now, script.now + length, _gesture(rng))
        script.hold(max(length - 1.2, 0.05))
        left -= length


def sit_slowly(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Sitting down on a chair as one does, then standing up."""
    _sitting(script, rng, stay_s, False)


def plump_down(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Plumping down on a chair or sofa: a fast, uncontrolled-looking descent that ends seated."""
    _sitting(script, rng, stay_s, True)


def lie_down(script: Script, rng: np.random.Generator, height_m: float = 0.5, side: int = 1) -> None:
    """Lie down on the bed or sofa one stands in front of: sit, then bring the legs up; ends lying.

    side  1: the head goes to the person's right, -1: to the left.
    """
    sit_down(script, rng, quick=bool(rng.uniform() < 0.2), height_m=height_m)
    script.hold(rng.uniform(0.2, 2.5), pinned=0.0).doing(LYING_DOWN)
    length, heading = rng.uniform(1.3, 3.0), script.value("heading")
    h = np.deg2rad(heading)
    back = {"x_m": script.value("x_m") - 0.25 * np.sin(h), "z_m": script.value("z_m") - 0.25 * np.cos(h)}
    half = {"pitch": -40.0, "hip_flex": 62.0, "knee": 70.0, "ankle": 20.0, "arm_flex": -16.0, "elbow": 50.0, "neck": 14}
    script.to(half, 0.55 * length, heading=heading + side * 55)
    script.to(supine(rng, knees=rng.uniform(0, 25)), 0.45 * length, heading=heading + side * 90, **back)
    script.to(None, 0.2, restless=0.25).doing(STILL)


def rest(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Lie on the back in bed for a while, turning over now and then; ends on the back."""
    script.doing(STILL)
    left = stay_s
    while left > 0:
        length = min(left, rng.uniform(4.0, 60.0))
        turned = rng.choice([0.0, 0.0, 80.0, -80.0])
        pose = supine(rng, knees=rng.uniform(0, 28), arms=rng.uniform(10, 40))
        if turned:
            pose |= {"hip_flex": 40, "knee": 55, "hip_twist": 4, "arm_flex": 50, "arm_abduct": 0, "arm_twist": 0}
        script.to(pose | {"roll": turned}, min(rng.uniform(0.7, 1.6), 0.6 * length))
        script.hold(max(0.4 * length, length - 1.6))
        left -= length
    script.to(supine(rng, knees=10, arms=25), 1.0)


def leave_bed(script: Script, rng: np.random.Generator, side: int = 1) -> None:
    """Get out of bed: legs over the edge, sit for a moment, stand up; the way back of `lie_down`."""
    length, heading = rng.uniform(1.2, 3.0), script.value("heading") - side * 90
    height, h = script.value("pelvis_m"), np.deg2rad(heading)
    ahead = {"x_m": script.value("x_m") + 0.25 * np.sin(h), "z_m": script.value("z_m") + 0.25 * np.cos(h)}
    half = {"pitch": -36.0, "hip_flex": 66.0, "knee": 74.0, "ankle": 20.0, "arm_flex": -16.0, "elbow": 50.0, "neck": 14}
    script.doing(LYING_DOWN).to(half, 0.5 * length, heading=heading + side * 45, restless=1.0)
    script.to(seated(rng), 0.5 * length, heading=heading, pelvis_m=height, **ahead)
    script.doing(SITTING).hold(rng.uniform(0.3, 4.0))
    stand_up(script, rng)


def lie_down_bed(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Lying down on a bed or sofa on purpose, and getting up again."""
    side = int(rng.choice([-1, 1]))
    lie_down(script, rng, rng.uniform(0.4, 0.6), side)
    rest(script, rng, stay_s)
    leave_bed(script, rng, side)


def get_out_of_bed(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Getting out of bed, from lying on it."""
    side = int(rng.choice([-1, 1]))
    script.cut(supine(rng, knees=12, arms=25), pelvis_m=rng.uniform(0.4, 0.6), pinned=0.0, restless=0.3)
    script.doing(STILL).hold(min(stay_s, rng.uniform(0.4, 1.5)))
    leave_bed(script, rng, side)


def lower(script: Script, rng: np.random.Generator) -> str:
    """Go down to the floor under control, by the seat or by the knees; returns `seat` or `knees`."""
    slow = rng.uniform(0.8, 1.6)
    if rng.uniform() < 0.5:
        script.doing(BENDING).to(_low(), 1.1 * slow)
        script.doing(FLOOR).to(floor_seat(rng, knees=40), 0.8 * slow, pinned=0.0)
        return "seat"
    script.doing(BENDING).to(dict(LEAN), 0.6 * slow).to(dict(HALF_KNEEL), 0.8 * slow, pinned=0.0)
    script.doing(FLOOR).to(dict(KNEEL), 0.6 * slow)
    return "knees"


def lie_down_floor(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Lying down on the floor on purpose (a rest, yoga, exercise), and getting up again."""
    way, slow = lower(script, rng), rng.uniform(0.8, 1.6)
    if way == "seat":
        half = {"pitch": -45, "hip_flex": 67, "knee": 44, "spine": 24, "neck": 14, "arm_flex": -20, "elbow": 60}
        script.doing(LYING_DOWN).to(half, 0.9 * slow)
        script.to(supine(rng), 0.9 * slow, restless=0.4)
        end = "supine"
    else:
        script.to(dict(ALL_FOURS), 0.8 * slow).hold(0.2, hands=1.0).hold(0.15, hands=0.0)
        script.doing(LYING_DOWN).to(prone(rng), 1.2 * slow, restless=0.4)
        end = "prone"
    script.doing(STILL).hold(stay_s)
    get_up(script, end, rng)


def exercise(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Exercise on the floor: push-ups, sit-ups, bridges, leg raises, stretching, then getting up."""
    way, slow = lower(script, rng), rng.uniform(0.8, 1.4)
    period = rng.uniform(1.6, 3.5)
    if way == "knees":
        script.to(dict(ALL_FOURS), 0.8 * slow).hold(0.2, hands=1.0)
        kind = int(rng.integers(3))
        if kind == 0:
            script.to(_push_up(0.0), 0.9 * slow)
            script.overlay(script.now, script.now + stay_s, lambda t: _pushing(t, period))
        elif kind == 1:  # cat and cow
            script.overlay(
                script.now,
                script.now + stay_s,
                lambda t: {"spine": 18 * _beat(t, period), "neck": -20 * _beat(t, period)},
            )
        else:  # child's pose and back
            script.to(_child_pose(), 1.5, hands=0.0)
        script.hold(stay_s)
        script.to(dict(ALL_FOURS), 0.9 * slow, hands=1.0).hold(0.15, hands=0.0).to(prone(rng), 0.8)
        get_up(script, "prone", rng)
        return
    kind = int(rng.integers(3))
    if kind == 0:  # reach for the toes
        script.overlay(
            script.now,
            script.now + stay_s,
            lambda t: {
                "spine": 30 * _beat(t, period),
                "pitch": 24 * _beat(t, period),
                "hip_flex": 24 * _beat(t, period),
                "arm_flex": 30 * _beat(t, period),
            },
        )
        script.to(floor_seat(rng, knees=6), 0.8).hold(stay_s)
        get_up(script, "seat", rng)
        return
    lie = supine(rng, knees=48 if kind == 1 else 4, arms=20)
    half = {"pitch": -45, "hip_flex": 67, "knee": 44, "spine": 24, "neck": 14, "arm_flex": -20, "elbow": 60}
    script.to(half, 0.8 * slow).to(lie, 0.8 * slow)
    if kind == 1:  # sit-ups
        script.overlay(
            script.now,
            script.now + stay_s,
            lambda t: {
                "pitch": 50 * _beat(t, period),
                "hip_flex": 50 * _beat(t, period),
                "spine": 24 * _beat(t, period),
            },
        )
    else:  # leg raises
        script.overlay(script.now, script.now + stay_s, lambda t: {"hip_flex": 70 * _beat(t, period)})
    script.hold(stay_s)
    get_up(script, "supine", rng)


def _beat(time_s: Floats, period_s: float) -> Floats:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * time_s / period_s))


def _push_up(bend: float) -> dict[str, float]:
    pose: dict[str, float] = {"pitch": 76, "knee": 3, "toe_point": 68, "hip_flex": 2, "neck": -16, "hip_abduct": 3}
    return pose | {"arm_flex": 72 - 0.5 * bend, "arm_abduct": 10, "elbow": 8 + bend}


def _pushing(time_s: Floats, period_s: float) -> dict[str, Floats | float]:
    u = _beat(time_s, period_s)
    return {"elbow": 80 * u, "arm_flex": -32 * u, "arm_abduct": 26 * u}


def _child_pose() -> dict[str, float]:
    pose: dict[str, float] = {"pitch": 78, "hip_flex": 146, "knee": 152, "ankle": 60, "hip_abduct": 9, "spine": 22}
    return pose | {"arm_flex": 168, "arm_abduct": 8, "elbow": 8, "neck": -6}


def kneel(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Kneeling down, upright or on the heels, for a while."""
    slow = rng.uniform(0.7, 1.4)
    script.doing(BENDING).to(dict(LEAN), 0.5 * slow).to(dict(HALF_KNEEL), 0.8 * slow, pinned=0.0)
    script.doing(FLOOR)
    if rng.uniform() < 0.7:
        script.to(varied(KNEEL, rng), 0.6 * slow)
        if rng.uniform() < 0.5:
            script.to(varied(SIT_HEELS, rng), 0.8 * slow)
    script.overlay(script.now, script.now + stay_s, _gesture(rng)).hold(stay_s)
    script.to(dict(HALF_KNEEL), 0.8 * slow).to(dict(LEAN), 0.6 * slow, pinned=1.0)
    script.doing(UPRIGHT).to(stand(rng), 0.6 * slow)


def pick_up(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Bending to pick something up from the floor, with straight or bent knees."""
    length, squat = rng.uniform(0.6, 1.3), rng.uniform() < 0.4
    low = varied(CROUCH, rng) | {"pitch": 48, "arm_flex": 66} if squat else varied(STOOP, rng)
    script.doing(BENDING).to(low, length).hold(min(stay_s, rng.uniform(0.2, 2.0)))
    script.to(stand(rng) | {"right_elbow": rng.uniform(30, 90)}, length).doing(UPRIGHT)


def tie_shoes(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Tying shoes: stooping, on one knee, or on a chair."""
    kind = int(rng.integers(3))
    stay = max(1.0, min(stay_s, 12.0))
    busy = _gesture(rng)
    if kind == 0:
        low = varied(STOOP, rng) | {"knee": 46, "hip_flex": 96, "pitch": 74, "elbow": 24}
        script.doing(BENDING).to(low, 1.0).overlay(script.now + 1.0, script.now + 1.0 + stay, busy).hold(stay)
        script.to(stand(rng), 1.0).doing(UPRIGHT)
    elif kind == 1:
        low = dict(HALF_KNEEL) | {"pitch": 44, "left_hip_flex": 128, "spine": 24, "arm_flex": 46, "elbow": 20}
        low |= {"left_arm_flex": 46.0, "right_arm_flex": 52.0, "left_elbow": 16.0, "right_hip_flex": 36.0}
        script.doing(BENDING).to(dict(LEAN), 0.6).to(low, 0.9, pinned=0.0)
        script.overlay(script.now, script.now + stay, busy).hold(stay)
        script.to(dict(LEAN), 0.9, pinned=1.0).doing(UPRIGHT).to(stand(rng), 0.7)
    else:
        sit_down(script, rng, height_m=0.45)
        low = seated(rng, lean=48) | {"spine": 34, "arm_flex": 48, "arm_twist": 0, "elbow": 12, "neck": 6}
        script.doing(BENDING).to(low, 1.0).overlay(script.now, script.now + stay, busy).hold(stay)
        script.doing(SITTING).to(seated(rng), 1.0)
        stand_up(script, rng)


def crouch(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Crouching down and staying there, as before a low cupboard."""
    length = rng.uniform(0.6, 1.4)
    script.doing(BENDING).to(varied(CROUCH, rng), length)
    script.overlay(script.now, script.now + stay_s, _gesture(rng)).hold(stay_s)
    script.to(stand(rng), length).doing(UPRIGHT)


def crawl(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Crawling on hands and knees, as small children do; begins and ends on all fours."""
    script.doing(FLOOR).cut(dict(ALL_FOURS), hands=1.0, pinned=0.0)
    speed, turn = rng.uniform(0.15, 0.5), rng.uniform(40, 110)
    end = script.now + stay_s
    script.overlay(script.now, end, _crawling(rng.uniform(0.7, 1.3)))
    while script.now < end - 0.3:
        length = min(rng.uniform(1.0, 4.0), end - script.now)
        heading = script.value("heading") + turn * rng.uniform(-1, 1)
        h = np.deg2rad(heading)
        x, z = (script.value(n) + speed * length * f(h) for n, f in (("x_m", np.sin), ("z_m", np.cos)))
        script.to(None, length, x_m=float(x), z_m=float(z), heading=heading)


def _crawling(rate: float) -> Callable[[Floats], Mapping[str, Floats | float]]:
    def move(time_s: Floats) -> dict[str, Floats | float]:
        beat = np.sin(2 * np.pi * rate * time_s)
        out: dict[str, Floats | float] = {"roll": 3 * beat, "spine_side": -4 * beat}
        for side, own in (("left", beat), ("right", -beat)):
            out |= {f"{side}_hip_flex": 16 * own, f"{side}_arm_flex": -16 * own, f"{side}_elbow": 10 * (1 + own)}
            out |= {f"{side}_knee": 4 * own}
        return out

    return move


def play_with_pet(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Playing with a pet on the floor: kneeling, sitting or on all fours, hands busy; then getting up."""
    way = lower(script, rng)
    left, pose = stay_s, "seat"
    while left > 0:
        length = min(left, rng.uniform(2.0, 12.0))
        kind = int(rng.integers(4)) if way == "knees" else int(rng.integers(3, 5))
        target = (
            varied(KNEEL, rng),
            varied(SIT_HEELS, rng) | {"pitch": 24, "hip_flex": 96},
            dict(ALL_FOURS),
            cross_legged(rng),
            floor_seat(rng),
        )[kind]
        if way == "knees" and kind == 3:
            target = dict(SIT_HEELS)
        script.to(target, 1.0).hold(0.15, hands=float(kind == 2))
        script.overlay(script.now, script.now + length, _gesture(rng, 1.6)).hold(length).hold(0.15, hands=0.0)
        left -= length
    if way == "knees":
        script.to(dict(HALF_KNEEL), 1.0).to(dict(LEAN), 0.8, pinned=1.0).doing(UPRIGHT).to(stand(rng), 0.7)
        return
    script.to(floor_seat(rng, knees=30), 0.8)
    get_up(script, pose, rng)


def _gesture(rng: np.random.Generator, size: float = 1.0) -> Callable[[Floats], Mapping[str, Floats | float]]:
    """Busy hands, a head that looks here and there."""
    seed = int(rng.integers(2**31))

    def move(time_s: Floats) -> dict[str, Floats | float]:
        own = np.random.default_rng(seed)
        out: dict[str, Floats | float] = {
            "head_turn": wander(own, time_s, 14, 3.0),
            "neck": wander(own, time_s, 5, 3.0),
        }
        for side in ("left", "right"):
            out |= {
                f"{side}_arm_flex": wander(own, time_s, 11 * size, 1.5),
                f"{side}_elbow": wander(own, time_s, 14 * size, 1.3),
            }
            out |= {f"{side}_arm_twist": wander(own, time_s, 9 * size, 1.7)}
        return out

    return move


def cook(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Standing at a worktop: cooking, washing up, hands busy before the body."""
    base = stand(rng) | {"arm_flex": 28, "elbow": 70, "arm_twist": -16, "neck": 22, "spine": 8, "arm_abduct": 8}
    script.doing(UPRIGHT).to(base, 0.8).overlay(script.now, script.now + stay_s, _gesture(rng, 1.4))
    script.hold(stay_s).to(stand(rng), 0.6)


def reach(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Reaching up to a shelf or far ahead, with one hand or both."""
    script.doing(UPRIGHT)
    for _ in range(max(1, int(stay_s / 4))):
        up, sides = rng.uniform(70, 165), ("left_", "right_", "")[rng.integers(3)]
        pose = stand(rng) | {f"{sides}arm_flex": up, f"{sides}elbow": rng.uniform(5, 30), "neck": -0.12 * up}
        pose |= {"pitch": 12, "hip_flex": 12} if up < 100 else {"toe_point": rng.choice([0.0, 18.0])}
        script.to(pose, rng.uniform(0.6, 1.2)).hold(rng.uniform(0.4, 2.0)).to(stand(rng), rng.uniform(0.5, 1.0))


def stand_about(script: Script, rng: np.random.Generator, stay_s: float) -> None:
    """Standing about, shifting weight, talking, at the phone."""
    base = stand(rng)
    if rng.uniform() < 0.4:
        base |= {"right_arm_flex": 28, "right_elbow": 105, "neck": 22}
    script.doing(UPRIGHT).to(base, 0.6).overlay(script.now, script.now + stay_s, _gesture(rng, 0.7)).hold(stay_s)


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        action.__name__: action
        for action in (
            sit_slowly,
            plump_down,
            lie_down_bed,
            get_out_of_bed,
            lie_down_floor,
            exercise,
            kneel,
            pick_up,
            tie_shoes,
            crouch,
            crawl,
            play_with_pet,
            cook,
            reach,
            stand_about,
        )
    }
)


def action_script(kind: str, rng: np.random.Generator, lead_s: float, stay_s: float, **ground: float) -> Script:
    """One action of ACTIONS from standing (or from bed, or on all fours), `lead_s` before it and `stay_s` within it."""
    script = Script(stand(rng), **ground).doing(UPRIGHT)
    if kind not in ("get_out_of_bed", "crawl"):
        script.hold(lead_s)
    ACTIONS[kind](script, rng, stay_s)
    return script


def _activity(kind: str) -> Callable[[Motion, Style, np.random.Generator], None]:
    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        length = float(motion.time_s[-1])
        stay = length if kind in ("crawl", "cook", "stand_about") else rng.uniform(0.2, 0.6) * length
        script = action_script(kind, rng, rng.uniform(0.1, 0.5), stay)
        script.fill(motion, mirrored=bool(rng.uniform() < 0.5))

    fill.__name__, fill.__doc__ = kind, ACTIONS[kind].__doc__
    return fill


EVERYDAY: Mapping[str, Callable[[Motion, Style, np.random.Generator], None]] = MappingProxyType(
    {kind: _activity(kind) for kind in ACTIONS}
)
