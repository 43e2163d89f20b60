"""Angles over time: what an activity writes and a body follows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from posemill.synth.rotation import Floats

TRUNK = (
    "forward_m",
    "up_m",
    "pitch",
    "roll",
    "spine",
    "spine_side",
    "spine_twist",
    "neck",
    "head_turn",
    "head_tilt",
)
LIMBS = (
    "arm_flex",
    "arm_abduct",
    "arm_twist",
    "elbow",
    "hip_flex",
    "hip_abduct",
    "hip_twist",
    "knee",
    "toe_point",
)
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Style:
    """Movement style of one subject.

    tempo       times the usual speed.
    amplitude   times the usual range.
    asymmetry   relative difference of left and right, signed.
    stoop_deg   forward bend of the spine at rest.
    restless    times the usual wobble.
    """

    tempo: float
    amplitude: float
    asymmetry: float
    stoop_deg: float
    restless: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Style:
        """Some subject's style."""
        return cls(
            tempo=rng.uniform(0.8, 1.25),
            amplitude=rng.uniform(0.84, 1.08),
            asymmetry=rng.uniform(-0.09, 0.09),
            stoop_deg=rng.uniform(-3, 10),
            restless=rng.uniform(0.6, 1.6),
        )


@dataclass(slots=True, eq=False)
class Ground:
    """Position of a scripted body in its room; every array is (T,).

    x_m, z_m, heading  metres and degrees: heading 0 faces +z, 90 faces +x.
    pelvis_m  metres: the pelvis rests no lower than this (a seat, a bed); 0 is the floor.
    pinned    0..1: 1 keeps the toes where they are, and the body moves about them.
    hands     0..1: 1 turns the body until hands and feet (or knees) are equally low.
    spin      degrees about the body's own long axis, before pitch and roll.
    restless  times the usual wobble: lying still is stiller than standing.
    """

    x_m: Floats
    z_m: Floats
    heading: Floats
    pelvis_m: Floats
    pinned: Floats
    hands: Floats
    spin: Floats
    restless: Floats


@dataclass(frozen=True, slots=True)
class FallMoments:
    """Exact moments of a fall, in seconds of the motion's own time.

    kind        activity, as `fall_forward`.
    start_s     balance is lost.
    impact_s    the trunk reaches the floor; the pelvis, where the fall ends sitting.
    rise_s      the person begins to get up; None = stays down to the end.
    upright_s   the person stands again; None = never.
    """

    kind: str
    start_s: float
    impact_s: float
    rise_s: float | None = None
    upright_s: float | None = None


@dataclass(slots=True, eq=False)
class Motion:
    """Channels over time: degrees, or metres where the name ends in _m. Zero is standing with hanging arms.

    A limb's channel is called left_… or right_…; abduct and twist are outward on both sides. toe_point is the foot's
    own angle to the floor, whatever the leg does: 0 is flat, 90 is on the toes.

    time_s      (T,) seconds.
    held_left   (T,) 0..1, share of the left foot in what stays in place on the floor (the right has the rest).
    hands_down  hands (or forearms) and feet both carry: the body is turned until both are on the floor.
    walking     the feet do not stay in place.
    chair       there is a chair under the last pose.
    ground      where a scripted body is; None = in the middle, facing +z, on whatever is lowest.
    falls       moments of the falls in it.
    """

    time_s: Floats
    channels: dict[str, Floats] = field(default_factory=dict)
    held_left: Floats = field(init=False)
    hands_down: bool = False
    walking: bool = False
    chair: bool = False
    ground: Ground | None = None
    falls: tuple[FallMoments, ...] = ()

    def __post_init__(self) -> None:
        names = TRUNK + tuple(f"{side}_{limb}" for side in SIDES for limb in LIMBS)
        self.channels = {name: np.zeros(len(self.time_s)) for name in names}
        self.held_left = np.full(len(self.time_s), 0.5)

    def add(self, **degrees: Floats | float) -> None:
        """Add to the named channels; a limb named without its side is added on both sides."""
        for name, value in degrees.items():
            for channel in (name,) if name in self.channels else tuple(f"{side}_{name}" for side in SIDES):
                self.channels[channel] = self.channels[channel] + value

    def radians(self, channel: str) -> Floats:
        """(T,) the channel in radians."""
        return np.deg2rad(self.channels[channel])


def finish(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Add what all motions of a subject share: posture, left and right a little different, wobble."""
    restless = 1.0 if motion.ground is None else motion.ground.restless
    motion.add(spine=style.stoop_deg, neck=-0.5 * style.stoop_deg)
    for name in motion.channels:
        if name.startswith("left_") and "toe" not in name:
            motion.channels[name] *= 1 + style.asymmetry / 2
        if name.startswith("right_") and "toe" not in name:
            motion.channels[name] *= 1 - style.asymmetry / 2
        if not name.endswith("_m") and "toe" not in name:
            motion.channels[name] += restless * wander(rng, motion.time_s, 0.9 * style.restless)
    for side in SIDES:  # knees and elbows do not bend the wrong way
        for joint in ("knee", "elbow"):
            motion.channels[f"{side}_{joint}"] = np.maximum(motion.channels[f"{side}_{joint}"], 1.0)


def wander(rng: np.random.Generator, time_s: Floats, spread: float, period_s: float = 2.0) -> Floats:
    """(T,) a smooth random curve around 0 with that standard deviation."""
    rates = 2 * np.pi / (period_s * rng.uniform(0.5, 2.0, 3))
    phases = rng.uniform(0, 2 * np.pi, 3)
    return np.asarray(spread * np.sqrt(2 / 3) * np.sin(rates * time_s[:, None] + phases).sum(-1))


def rise(time_s: Floats, start_s: float, duration_s: float) -> Floats:
    """(T,) from 0 to 1, smoothly, within the given stretch."""
    u = np.clip((time_s - start_s) / duration_s, 0, 1)
    return np.asarray(u * u * (3 - 2 * u))


def repetitions(rng: np.random.Generator, time_s: Floats, period_s: float, rest: float = 0.1) -> tuple[Floats, Floats]:
    """Repeated rises from 0 to about 1 and back, none like the other: length ±12 %, height 0.86 to 1.04.

    rest     share of a repetition spent at 0.
    Returns  (T,) the curve, and (T,) the number of the repetition.
    """
    start, value, number = -rng.uniform(0, 0.8) * period_s, np.zeros(len(time_s)), np.zeros(len(time_s))
    count = 0
    while start < time_s[-1] + 1e-9:
        length = period_s * rng.uniform(0.88, 1.12)
        phase = (time_s - start) / length
        inside = (phase >= 0) & (phase < 1)
        moving = np.clip(phase / (1 - rest), 0, 1)
        value[inside] = (rng.uniform(0.86, 1.04) * (0.5 - 0.5 * np.cos(2 * np.pi * moving)))[inside]
        number[inside] = count
        start, count = start + length, count + 1
    return value, number
