"""Falls as they happen, with their exact moments: from standing, walking, a chair, a bed, along a wall.

A fall has three parts: balance is lost (slowly at first, as an inverted pendulum), the body reaches the floor (a hard
keyframe, FallMoments.impact_s), and it settles. Then the person stays down or gets up after some seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from posemill.synth.everyday import FALLING, SITTING, STILL, UPRIGHT, get_up
from posemill.synth.motion import Motion, Style
from posemill.synth.postures import floor_seat, on_the_side, prone, seated, stand, supine
from posemill.synth.script import Pose, Script

LYING = ("prone", "supine", "side", "seat")
_FALLEN = {"prone": prone, "supine": supine, "side": on_the_side, "seat": floor_seat}
Fall = Callable[[Script, np.random.Generator], str]


def _between(script: Script, end: Pose, share: float, **more: float) -> dict[str, float]:
    """A pose on the way from where the script is, `share` of 0..1; `more` is added, to both sides of a limb."""
    begin, final = script.pose(), script.pose(end)
    pose = {name: (1 - share) * begin[name] + share * final[name] for name in begin}
    for name, value in more.items():
        for channel in (name,) if name in pose else (f"left_{name}", f"right_{name}"):
            pose[channel] += value
    return pose


def _topple(
    script: Script,
    kind: str,
    end: Pose,
    rng: np.random.Generator,
    length_s: float,
    reach: Pose,
    sag: float = 1.0,
    **ground: float,
) -> None:
    """Tip over from the pose the script is in: slow, then fast, hard onto the floor; `reach` is added on the way."""
    start_s = script.now
    # an inverted pendulum: a sixth of the way in half the time
    early = _between(script, end, 0.16, knee=14 * sag, hip_flex=8)
    bend = {"knee": 26 * sag, "hip_flex": 14 * sag}
    late = _between(script, end, 0.52, **{n: reach.get(n, 0) + bend.get(n, 0) for n in {*reach, *bend}})
    down = dict(end)
    script.to(early, 0.48 * length_s, **{n: _part(script, n, v, 0.3) for n, v in ground.items()})
    script.to(late, 0.27 * length_s, **{n: _part(script, n, v, 0.6) for n, v in ground.items()})
    script.land(down, 0.25 * length_s, **ground)
    script.falling(kind, start_s, script.now)
    settled = dict(down) | {"neck": down.get("neck", 0) + rng.normal(0, 5)}
    for name in ("pitch", "roll"):
        if name in down:
            settled[name] = down[name] * 0.965
    script.to(settled, 0.12, pinned=0.0, restless=0.35).to(varied_limbs(down, rng), rng.uniform(0.3, 0.8))


def _part(script: Script, name: str, value: float, share: float) -> float:
    return (
        value if name in ("pinned", "gait", "hands", "restless") else (1 - share) * script.value(name) + share * value
    )


def varied_limbs(pose: Mapping[str, float], rng: np.random.Generator) -> dict[str, float]:
    """The limbs of who lies come to rest a little elsewhere."""
    return {n: v + (rng.normal(0, 4) if n.endswith(("elbow", "knee", "head_turn")) else 0) for n, v in pose.items()}


def forward(script: Script, rng: np.random.Generator) -> str:
    """Forward from standing, arms stretched out to catch it."""
    reach = {"arm_flex": rng.uniform(20, 60), "arm_abduct": -rng.uniform(0, 20), "neck": -12}
    _topple(script, "fall_forward", prone(rng), rng, rng.uniform(0.75, 1.15), reach, pinned=1.0)
    return "prone"


def backward(script: Script, rng: np.random.Generator) -> str:
    """Backward from standing: the hips bend, the seat comes first, then the back."""
    reach = {"arm_flex": 40, "arm_abduct": 20, "neck": 16, "hip_flex": 22, "spine": 8}
    _topple(script, "fall_backward", supine(rng), rng, rng.uniform(0.75, 1.1), reach, pinned=1.0)
    return "supine"


def sideways(script: Script, rng: np.random.Generator) -> str:
    """Sideways from standing, the lower arm ahead."""
    reach = {"right_arm_abduct": 45, "left_arm_abduct": 30, "spine_side": -10, "hip_flex": 12}
    _topple(script, "fall_sideways", on_the_side(rng), rng, rng.uniform(0.75, 1.15), reach, pinned=1.0)
    return "side"


def faint(script: Script, rng: np.random.Generator) -> str:
    """A faint: the head drops, the knees give way, the body crumples and tips over."""
    start_s = script.now
    lying = str(rng.choice(["prone", "side", "side", "supine"]))
    limp = {"arm_flex": 8.0, "arm_abduct": 7.0, "elbow": 14.0}
    script.to(dict(script.pose()) | {"neck": 24.0, "head_tilt": rng.normal(0, 8), "pitch": 3.0}, rng.uniform(0.3, 0.8))
    lost_s = script.now
    script.to(limp | {"neck": 34, "pitch": 10, "hip_flex": 40, "knee": 66, "spine": 10, "toe_point": 4}, 0.34)
    low = {"neck": 36, "pitch": 16, "hip_flex": 48, "knee": 116, "spine": 18, "roll": 10.0 * (lying == "side")}
    script.to(limp | low | {"toe_point": 42}, rng.uniform(0.2, 0.28))
    end = _FALLEN[lying](rng)
    end |= {"hip_flex": rng.uniform(20, 55), "knee": rng.uniform(45, 95)} if lying == "side" else {}
    way = _between(script, end, 0.45)
    script.to(way, rng.uniform(0.22, 0.32)).land(end, rng.uniform(0.18, 0.26))
    script.falling("faint", min(lost_s, start_s + 0.5), script.now)
    script.to(varied_limbs(end, rng), rng.uniform(0.3, 0.7), pinned=0.0, restless=0.25)
    return lying


def wall_slide(script: Script, rng: np.random.Generator) -> str:
    """Sliding down with the back at a wall, to sit on the floor; some then tip to the side."""
    lean = {"pitch": -5.0, "hip_flex": 8.0, "knee": 16.0, "arm_abduct": 10.0, "elbow": 12.0, "neck": 10.0}
    script.to(lean, rng.uniform(0.5, 0.9))
    start_s, length = script.now, rng.uniform(0.9, 1.7)
    script.to(lean | {"hip_flex": 44.0, "knee": 82.0, "toe_point": 5}, 0.55 * length, pinned=0.3)
    seat = floor_seat(rng, knees=rng.uniform(25, 55)) | {"neck": rng.uniform(8, 30)}
    script.land(seat, 0.45 * length, pinned=0.0).falling("wall_slide", start_s, script.now)
    script.to(seat | {"neck": seat["neck"] + 5}, rng.uniform(0.3, 0.8), restless=0.4)
    if rng.uniform() < 0.4:  # tips over as it sits, legs drawn up
        over = on_the_side(rng) | {n: seat[n] for n in ("hip_flex", "knee", "pitch")}
        over["left_hip_flex"] = over["hip_flex"] - 8
        script.hold(rng.uniform(0.3, 1.5)).land(over, rng.uniform(0.5, 0.8))
        script.to(on_the_side(rng), 0.6)
        return "side"
    return "seat"


def trip(script: Script, rng: np.random.Generator) -> str:
    """A trip while walking: the feet are caught, the body goes on, with a stumbling step or without."""
    _pace(script, rng, rng.uniform(0.8, 1.5), rng.uniform(0.8, 1.35))
    _carried_on(script, rng.uniform(0.15, 0.45))
    reach = {"arm_flex": rng.uniform(30, 70), "neck": -14}
    _topple(script, "trip", prone(rng), rng, rng.uniform(0.65, 0.95), reach, pinned=0.7, gait=0.0)
    return "prone"


def slip(script: Script, rng: np.random.Generator) -> str:
    """A slip while walking: the feet shoot ahead, the body lands on seat and back."""
    _pace(script, rng, rng.uniform(0.8, 1.5), rng.uniform(0.8, 1.3))
    _carried_on(script, rng.uniform(0.2, 0.5))
    reach = {"arm_flex": 60, "arm_abduct": 40, "hip_flex": 32, "left_knee": -10, "neck": 14}
    _topple(script, "slip", supine(rng), rng, rng.uniform(0.55, 0.8), reach, 0.6, pinned=0.15, gait=0.0)
    return "supine"


def from_chair(script: Script, rng: np.random.Generator) -> str:
    """Out of a chair: forward, sideways, or sliding off the seat."""
    height, sit = rng.uniform(0.4, 0.5), seated(rng)
    if script.value("pelvis_m") > 0:  # sits already
        height = script.value("pelvis_m")
        script.hold(0.05, pinned=0.0).to(sit, rng.uniform(0.4, 1.4))
    else:
        script.cut(sit, pelvis_m=height, pinned=0.0, restless=0.6).hold(rng.uniform(0.4, 1.4))
    start_s, way = script.now, int(rng.integers(3))
    ahead = rng.uniform(0.3, 0.55)
    h = np.deg2rad(script.value("heading"))
    x, z = script.value("x_m") + ahead * np.sin(h), script.value("z_m") + ahead * np.cos(h)
    if way == 0:
        end, lying = prone(rng), "prone"
        slump = sit | {"pitch": 38, "hip_flex": 122, "spine": 24, "neck": 22, "arm_flex": 40, "elbow": 20}
    elif way == 1:
        end, lying = on_the_side(rng) | {"hip_flex": 50, "knee": 70}, "side"
        slump = sit | {"roll": 30, "spine_side": -16, "head_tilt": -14, "neck": 16}
    else:
        end, lying = floor_seat(rng, knees=rng.uniform(12, 40)) | {"pitch": -24, "hip_flex": 84, "neck": 22}, "seat"
        slump = sit | {"pitch": -28, "hip_flex": 60, "neck": 24, "knee": 78}
    script.to(slump, rng.uniform(0.5, 1.0), pelvis_m=height - 0.02)
    way_down = _between(script, end, 0.5)
    if way == 0:  # onto the knees first
        way_down = {"pitch": 60, "hip_flex": 66, "knee": 102, "ankle": 30, "arm_flex": 62, "neck": 8, "spine": 14}
    script.to(
        way_down,
        0.34,
        pelvis_m=0.45 * height,
        x_m=script.value("x_m") * 0.45 + x * 0.55,
        z_m=script.value("z_m") * 0.45 + z * 0.55,
    )
    script.land(end, 0.2, pelvis_m=0.0, x_m=x, z_m=z).falling("fall_from_chair", start_s, script.now)
    script.to(varied_limbs(end, rng), rng.uniform(0.3, 0.7), restless=0.35)
    return lying


def from_bed(script: Script, rng: np.random.Generator) -> str:
    """Out of bed: rolling over its edge while lying."""
    height, lie = rng.uniform(0.4, 0.6), supine(rng, knees=rng.uniform(0, 15), arms=rng.uniform(15, 40))
    if script.value("pelvis_m") > 0:  # lies already
        height = script.value("pelvis_m")
        script.to(lie, rng.uniform(0.5, 1.5))
    else:
        script.cut(lie, pelvis_m=height, pinned=0.0, restless=0.25).hold(rng.uniform(0.5, 1.5))
    h = np.deg2rad(script.value("heading"))
    x, z = script.value("x_m"), script.value("z_m")

    def beside(metres: float) -> dict[str, float]:  # to the right of who faces +z is -x
        return {"x_m": float(x - metres * np.cos(h)), "z_m": float(z + metres * np.sin(h))}

    start_s = script.now
    curled = lie | {"roll": 62, "hip_flex": 36, "knee": 50, "arm_abduct": 6, "left_arm_flex": 50, "elbow": 40}
    curled |= {"hip_twist": 6, "hip_abduct": 2, "arm_twist": 20}
    script.to(curled, rng.uniform(0.5, 0.9), **beside(0.22))
    edge = curled | {"roll": 100, "hip_flex": 44}
    script.to(edge, 0.3, pelvis_m=height - 0.05, **beside(0.4))
    front = rng.uniform() < 0.5
    down = edge | {"roll": 178 if front else 92, "hip_flex": 4 if front else 40, "knee": 10 if front else 55}
    down |= {"arm_flex": 14.0, "arm_abduct": 70.0 if front else -4.0, "arm_twist": 80.0 if front else 10.0}
    down |= {} if front else {"left_arm_flex": 48.0, "right_arm_flex": 80.0}
    down |= {"hip_twist": 4.0, "hip_abduct": 3.0}
    down |= {"pitch": -92.0, "neck": -14.0, "head_turn": 45.0} if front else {}
    script.land(down, rng.uniform(0.36, 0.44), pelvis_m=0.0, **beside(0.66))
    script.falling("fall_from_bed", start_s, script.now)
    script.to(varied_limbs(down, rng), rng.uniform(0.3, 0.7), restless=0.35)
    # the same posture written as lying face down or on the right side
    turned = {n: v for n, v in script.pose().items() if n not in ("pitch", "roll") and "toe_point" not in n}
    pose = turned | ({"pitch": 88.0, "ankle": 55.0} if front else {"roll": 88.0, "ankle": 30.0})
    script.cut(pose, heading=script.value("heading") + (180.0 if front else -90.0)).hold(0.2)
    return "prone" if front else "side"


def _pace(script: Script, rng: np.random.Generator, metres: float, speed: float) -> None:
    """Walk on in the present direction, and do not stop."""
    h = np.deg2rad(script.value("heading"))
    script.to(None, 0.05, gait=1.0, pinned=0.0)
    script.to(None, 0.25, x_m=script.value("x_m") + 0.1 * np.sin(h), z_m=script.value("z_m") + 0.1 * np.cos(h))
    x, z = script.value("x_m") + metres * np.sin(h), script.value("z_m") + metres * np.cos(h)
    script.to(None, metres / speed, x_m=x, z_m=z)


def _carried_on(script: Script, metres: float) -> None:
    """The body goes on for a little while the feet are caught."""
    h = np.deg2rad(script.value("heading"))
    x, z = script.value("x_m") + metres * np.sin(h), script.value("z_m") + metres * np.cos(h)
    script.to(None, 0.22, x_m=x, z_m=z, gait=0.6)


def rise_again(script: Script, lying: str, rng: np.random.Generator) -> None:
    """Get up after a fall, and note when."""
    start_s = script.now
    get_up(script, lying, rng)
    script.rising(start_s, script.now)


WAYS: Mapping[str, Fall] = MappingProxyType(
    {
        "fall_forward": forward,
        "fall_backward": backward,
        "fall_sideways": sideways,
        "faint": faint,
        "wall_slide": wall_slide,
        "trip": trip,
        "slip": slip,
        "fall_from_chair": from_chair,
        "fall_from_bed": from_bed,
    }
)


def fall(script: Script, kind: str, rng: np.random.Generator) -> str:
    """Fall in one of WAYS from where the script is, note it, and return how the person lies: one of LYING."""
    if kind in ("fall_from_chair", "fall_from_bed"):
        script.doing(SITTING if kind == "fall_from_chair" else STILL)
    lying = WAYS[kind](script, rng)
    last = script.falls[-1]
    script.doings = [d for d in script.doings if d[0] <= last.start_s]
    script.doings += [(last.start_s, FALLING), (last.impact_s + 0.3, STILL)]
    return lying


def fall_script(
    kind: str, rng: np.random.Generator, lead_s: float, down_s: float, rises: bool, **ground: float
) -> Script:
    """One fall: `lead_s` seconds before it, `down_s` lying after it, then up again or not.

    kind  of WAYS. ground  where it happens, see posemill.synth.script.GROUND.
    """
    script = Script(stand(rng), **ground).doing(UPRIGHT)
    if kind not in ("fall_from_chair", "fall_from_bed"):
        script.hold(lead_s)
    lying = fall(script, kind, rng)
    script.hold(down_s)
    if rises:
        rise_again(script, lying, rng)
        script.hold(rng.uniform(0.5, 2.0))
    return script


def _activity(kind: str) -> Callable[[Motion, Style, np.random.Generator], None]:
    def fill(motion: Motion, style: Style, rng: np.random.Generator) -> None:
        length = float(motion.time_s[-1])
        rises = length > 4.5 and rng.uniform() < 0.35
        lead = rng.uniform(0.2, min(0.8, 0.2 * length))
        down = rng.uniform(0.3, 1.5) if rises else length
        fall_script(kind, rng, lead, down, rises).fill(motion, mirrored=bool(rng.uniform() < 0.5))

    fill.__name__, fill.__doc__ = kind, f"{WAYS[kind].__doc__}"
    return fill


FALLS: Mapping[str, Callable[[Motion, Style, np.random.Generator], None]] = MappingProxyType(
    {kind: _activity(kind) for kind in WAYS}
)
