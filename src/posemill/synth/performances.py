"""Performances: a motion with the activities in it, each in its interval.

Most activities fill a whole clip. Others are events that begin somewhere and are over: sitting down, falling, getting
up. Those are written as scripts, which know when each begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posemill.synth import everyday, falls
from posemill.synth.everyday import LEAN, lie_down, lower, sit_down, sit_for
from posemill.synth.gym import Activity
from posemill.synth.motion import Motion, Style
from posemill.synth.postures import (
    ALL_FOURS,
    CROUCH,
    HALF_KNEEL,
    KNEEL,
    SIT_HEELS,
    STOOP,
    cross_legged,
    floor_seat,
    on_the_side,
    prone,
    seated,
    stand,
    supine,
    varied,
)
from posemill.synth.rotation import Floats
from posemill.synth.script import Script

UPWARD_S = 0.9  # the end of getting up looks like the end of any lift
Interval = tuple[float, float, str]  # start and end in seconds, activity
Performer = Callable[[Floats, Style, np.random.Generator], "Performance"]
Writer = Callable[[np.random.Generator], tuple[Script, list[Interval]]]


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A motion and what it shows when.

    intervals  start and end in seconds of the motion's own time, and the activity; what is between them is unclear.
    """

    motion: Motion
    intervals: tuple[Interval, ...]


def throughout(activity: Activity, name: str) -> Performer:
    """Return a performer that does one activity from the first to the last moment."""

    def perform(time_s: Floats, style: Style, rng: np.random.Generator) -> Performance:
        motion = Motion(time_s)
        activity(motion, style, rng)
        return Performance(motion, ((float(time_s[0]), float(time_s[-1]), name),))

    return perform


def scripted(write: Writer) -> Performer:
    """Return a performer of a script; where the script is longer than the clip, the clip is a random part of it."""

    def perform(time_s: Floats, style: Style, rng: np.random.Generator) -> Performance:
        script, intervals = write(rng)
        motion = Motion(time_s)
        late = rng.uniform(0, max(script.now - float(time_s[-1]), 0.0))
        script.fill(motion, late, mirrored=bool(rng.uniform() < 0.5))
        return Performance(motion, tuple((start - late, end - late, name) for start, end, name in intervals))

    return perform


def falling(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write a fall of any kind: standing, walking or sitting before it, lying after it, and perhaps getting up."""
    if rng.uniform() < 0.35:
        return _sinking(rng)
    kind = str(rng.choice(list(falls.WAYS)))
    rises = bool(rng.uniform() < 0.3)
    script = falls.fall_script(kind, rng, rng.uniform(0.2, 1.6), rng.uniform(0.6, 2.5), rises)
    fall = script.falls[-1]
    before = {"fall_from_chair": "sit", "fall_from_bed": "lie", "trip": "walk", "slip": "walk"}.get(kind, "stand")
    rows: list[Interval] = [(0.0, fall.start_s, before), (fall.start_s, fall.impact_s + 0.15, "fall")]
    rows.append((fall.impact_s + 0.5, fall.rise_s or script.now, "lie" if kind != "wall_slide" else "sit_on_floor"))
    if fall.rise_s is not None and fall.upright_s is not None:
        rows += [(fall.rise_s, fall.upright_s - UPWARD_S, "get_up"), (fall.upright_s, script.now, "stand")]
    return script, rows


def _sinking(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write a fall in two parts: onto the seat or the knees, then onto back, belly or a side."""
    script = Script(stand(rng)).hold(rng.uniform(0.2, 1.6))
    begun, quick = script.now, rng.uniform(0.8, 1.25)
    limp = {"arm_abduct": rng.uniform(10, 60), "arm_flex": rng.uniform(-20, 60), "elbow": rng.uniform(10, 60)}
    if rng.uniform() < 0.6:
        bent = {"pitch": rng.uniform(-14, 22), "hip_flex": rng.uniform(50, 90), "knee": rng.uniform(60, 100)}
        script.to(limp | bent, 0.36 * quick, pinned=rng.uniform(0.3, 1.0))
        script.land(floor_seat(rng, knees=rng.uniform(10, 62)) | {"pitch": rng.uniform(-34, 10)}, 0.26 * quick)
        after = supine(rng, knees=rng.uniform(0, 60)) if rng.uniform() < 0.75 else on_the_side(rng)
    else:
        script.to(limp | {"pitch": 8, "hip_flex": 34, "knee": 64, "spine": 10}, 0.34 * quick)
        script.land(limp | {"pitch": rng.uniform(5, 34), "hip_flex": 20, "knee": 98, "ankle": 50}, 0.26 * quick)
        after = prone(rng) if rng.uniform() < 0.6 else on_the_side(rng)
    script.to(None, rng.uniform(0.02, 0.4), pinned=0.0)
    if rng.uniform() < 0.85:
        script.land(after, rng.uniform(0.3, 0.7))
    over = script.now
    script.to(falls.varied_limbs(script.pose(), rng), 0.5, restless=0.4).hold(rng.uniform(0.6, 2.5))
    return script, [(0.0, begun, "stand"), (begun, over + 0.15, "fall"), (over + 0.6, script.now, "lie")]


def sitting_down_and_up(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write standing, sitting down (slowly or plumping), sitting, and standing up again."""
    script = Script(stand(rng)).hold(rng.uniform(0.2, 1.2))
    begun = script.now
    sit_down(script, rng, bool(rng.uniform() < 0.25), rng.uniform(0.38, 0.52))
    sat = script.now
    sit_for(script, rng, rng.uniform(0.5, 2.6))
    rising = script.now
    script.to(
        {"pitch": 38.0, "hip_flex": 112.0, "knee": 88.0, "spine": 14.0, "arm_flex": 34.0, "elbow": 50.0},
        rng.uniform(0.35, 0.8),
        pinned=1.0,
    )
    script.to(dict(LEAN), rng.uniform(0.25, 0.6), pelvis_m=0.0, restless=1.0).to(stand(rng), rng.uniform(0.4, 0.9))
    up = script.now
    script.hold(rng.uniform(0.2, 1.0))
    rows = [(0.0, begun, "stand"), (begun, sat, "sit_down"), (sat, rising, "sit"), (rising, up, "stand_up")]
    return script, [*rows, (up, script.now, "stand")]


def lying_down_bed(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write lying down on a bed or sofa from standing before it, a rest, and leaving it."""
    script = Script(stand(rng)).hold(rng.uniform(0.1, 0.6))
    side, begun = int(rng.choice([-1, 1])), script.now
    lie_down(script, rng, rng.uniform(0.35, 0.6), side)
    lain = script.now
    script.hold(rng.uniform(0.8, 2.5))
    leaving = script.now
    everyday.leave_bed(script, rng, side)
    return script, [(begun + 0.6, lain, "lie_down"), (lain, leaving, "lie"), (leaving, script.now - 0.5, "get_up")]


def lying_down_floor(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write lying down on the floor under control, a rest, and getting up."""
    script = Script(stand(rng)).hold(rng.uniform(0.1, 0.6))
    begun, way, slow = script.now, lower(script, rng), rng.uniform(0.8, 1.6)
    if way == "seat":
        half = {"pitch": -45, "hip_flex": 67, "knee": 44, "spine": 24, "neck": 14, "arm_flex": -20, "elbow": 60}
        script.to(half, 0.9 * slow).to(supine(rng), 0.9 * slow, restless=0.4)
        lying = "supine"
    else:
        script.to(dict(ALL_FOURS), 0.8 * slow).hold(0.2, hands=1.0).hold(0.15, hands=0.0)
        script.to(prone(rng), 1.2 * slow, restless=0.4)
        lying = "prone"
    lain = script.now
    script.hold(rng.uniform(0.8, 2.5))
    leaving = script.now
    everyday.get_up(script, lying, rng)
    return script, [(begun, lain, "lie_down"), (lain, leaving, "lie"), (leaving, script.now - UPWARD_S, "get_up")]


def lying(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write lying on the back, the belly or a side, with an arm or leg that moves now and then."""
    poses = (supine, supine, prone, on_the_side)
    script = Script(poses[rng.integers(4)](rng), pinned=0.0, restless=rng.uniform(0.2, 0.9))
    script.overlay(0.0, 8.0, everyday._gesture(rng, rng.choice([0.1, 0.5, 1.0]))).hold(8.0)
    return script, [(0.0, 8.0, "lie")]


def picking_up(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write picking something up from the floor: bending or crouching, one hand or two, a box or a trifle."""
    script = Script(stand(rng)).hold(rng.uniform(0.2, 1.0))
    begun, length = script.now, rng.uniform(0.5, 1.2)
    low = varied(CROUCH, rng) | {"pitch": 48, "arm_flex": 66} if rng.uniform() < 0.4 else varied(STOOP, rng)
    if rng.uniform() < 0.4:  # one hand
        low |= {"left_arm_flex": rng.uniform(0, 40), "left_arm_abduct": 12}
    script.to(low, length).hold(rng.uniform(0.1, 0.7))
    held = {"arm_flex": rng.uniform(10, 44), "elbow": rng.uniform(40, 96)} if rng.uniform() < 0.6 else {}
    script.to(stand(rng) | held, length * rng.uniform(0.8, 1.4))
    up = script.now
    script.hold(rng.uniform(0.2, 1.0))
    return script, [(0.0, begun, "stand"), (begun, up, "pick_up"), (up, script.now, "stand")]


def kneeling(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write kneeling upright, on the heels or on one knee, with busy hands; sometimes the way down."""
    pose = (KNEEL, KNEEL, SIT_HEELS, HALF_KNEEL)[rng.integers(4)]
    begun = 0.0
    if rng.uniform() < 0.3:
        script = Script(stand(rng)).hold(0.2).to(dict(LEAN), 0.5).to(dict(HALF_KNEEL), 0.8, pinned=0.0)
        begun = script.now
        script.to(varied(pose, rng), 0.6)
    else:
        script = Script(varied(pose, rng), pinned=0.0)
    script.overlay(script.now, script.now + 6.0, everyday._gesture(rng, rng.uniform(0.3, 1.6))).hold(6.0)
    return script, [(begun, script.now, "kneel")]


def crouching(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write a deep crouch that is held, hands busy."""
    script = Script(varied(CROUCH, rng, 7.0))
    script.overlay(0.0, 6.0, everyday._gesture(rng, rng.uniform(0.4, 1.6))).hold(6.0)
    return script, [(0.0, 6.0, "crouch")]


def crawling(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write crawling on hands and knees."""
    script = Script(dict(ALL_FOURS), hands=1.0, pinned=0.0)
    everyday.crawl(script, rng, 5.0)
    return script, [(0.0, script.now, "crawl")]


def sitting_on_floor(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write sitting on the floor with crossed, bent or straight legs."""
    pose = cross_legged(rng) if rng.uniform() < 0.55 else floor_seat(rng)
    if rng.uniform() < 0.3:
        pose |= {"arm_flex": 34, "arm_abduct": 22, "arm_twist": -58, "elbow": 122}
    script = Script(varied(pose, rng, 5.0), pinned=0.0, restless=rng.uniform(0.4, 1.0))
    script.overlay(0.0, 6.0, everyday._gesture(rng, rng.choice([0.1, 0.6, 1.2]))).hold(6.0)
    return script, [(0.0, 6.0, "sit_on_floor")]


def at_a_desk(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
    """Write sitting on a chair and doing this and that."""
    script = Script(seated(rng), pelvis_m=0.45)
    sit_for(script, rng, 6.0)
    return script, [(0.0, script.now, "sit")]


def held_pose(
    pose: Callable[[np.random.Generator], dict[str, float]],
    name: str,
    hands: float = 0.0,
    before: Callable[[np.random.Generator], dict[str, float]] | None = None,
) -> Writer:
    """Return a writer of a pose that is held, often with the way into or out of it, from or to `before` (standing)."""

    def write(rng: np.random.Generator) -> tuple[Script, list[Interval]]:
        target = varied(pose(rng), rng, 3.0)
        leaves = rng.uniform() < 0.3
        if rng.uniform() < 0.5 and not hands:
            script = Script((before or stand)(rng), pinned=0.0).hold(rng.uniform(0.05, 1.0))
            script.to(target, rng.uniform(0.8, 2.6), restless=0.8)
        else:
            script = Script(target, pinned=0.0, hands=hands, restless=rng.uniform(0.4, 1.0))
        begun = 0.75 * script.now
        script.hold(rng.uniform(1.0, 3.0) if leaves and not hands else 6.0)
        ends = script.now
        if leaves and not hands:
            script.to((before or stand)(rng), rng.uniform(0.8, 2.4), restless=0.8).hold(1.5)
        return script, [(begun, ends, name)]

    return write
