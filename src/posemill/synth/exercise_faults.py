"""Exercises with form faults and exact joint angles: planks, squats, push-ups and lunges done right and wrong.

A fault is a change of the channels that an activity of `activities.py` has written, so the activities themselves and
what is rendered from them stay as they are. The exact angle is read from the body's joints afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.synth import room
from posemill.synth.activities import ACTIVITIES
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import Camera
from posemill.synth.flesh import HAIRS, SKINS, Look, dress
from posemill.synth.motion import SIDES, Motion, Style, finish
from posemill.synth.render import Sensor, frames
from posemill.synth.rotation import Floats

Change = Callable[[Motion, np.random.Generator], None]


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """One person's exercise over time.

    exercise, fault  names of `FAULTS`; fault None = nothing added to the exercise.
    time_s           (T,) seconds from 0.
    body, rig        measures of the body, and its joints in metres; it faces +z, y is up.
    """

    exercise: str
    fault: str | None
    time_s: Floats
    body: Body
    rig: Rig


def perform(
    exercise: str, fault: str | None, seed: int, duration_s: float = 6.0, fps: float = 15.0, tempo: float = 0.7
) -> Performance:
    """Return one person's exercise, with a fault or without. The seed decides body, style and motion.

    tempo  times the usual speed; exercises for form are done slowly.

    Errors: InputError for an unknown exercise or fault, with the known ones.

    Examples:
        >>> perform("plank", "hips_high", seed=1, duration_s=1.0).rig.points["left_hip"].shape
        (15, 3)
    """
    if exercise not in FAULTS or (fault is not None and fault not in FAULTS[exercise]):
        known = "; ".join(f"{name}: {', '.join(faults)}" for name, faults in FAULTS.items())
        raise InputError(f"there is no exercise {exercise!r} with fault {fault!r}; there are {known}")
    rng = np.random.default_rng([seed, *exercise.encode(), *(fault or "").encode()])
    body, style = Body.random(rng), Style.random(rng)
    style = Style(style.tempo * tempo, style.amplitude, style.asymmetry, style.stoop_deg, style.restless)
    motion = Motion(np.arange(round(duration_s * fps)) / fps)
    ACTIVITIES[exercise](motion, style, rng)
    if fault is not None:
        FAULTS[exercise][fault](motion, rng)
    finish(motion, style, rng)
    return Performance(exercise, fault, motion.time_s, body, rig(body, motion))


def pictures(performance: Performance, camera: Camera, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Render a performance before a camera: every picture, (H, W, 3) uint8 RGB. The seed decides clothes and room."""
    rng = np.random.default_rng(seed)
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    look = Look.random(rng, skin, hair, bool(rng.uniform() < 0.4))
    points = np.concatenate(list(performance.rig.points.values()))
    backdrop = room.build(camera, [], float(np.abs(points[:, [0, 2]]).max()), rng)
    surface = dress(performance.body, performance.rig, look)
    yield from frames(surface, performance.rig, camera, backdrop, Sensor(np.ones(3), 1.5), rng)


def _share(motion: Motion, channel: str) -> Floats:
    """(T,) how far a channel is between its least (0) and its most (1); 0 where it does not change."""
    values = motion.channels[channel]
    return np.asarray((values - values.min()) / max(float(np.ptp(values)), 1e-9))


def _scale(motion: Motion, share: float, *limbs: str) -> None:
    """Keep only a share of what channels of both sides do beyond their least value."""
    for limb in limbs:
        for name in (limb,) if limb in motion.channels else tuple(f"{side}_{limb}" for side in SIDES):
            rest = motion.channels[name][np.argmin(_share(motion, "left_knee") + _share(motion, "left_elbow"))]
            motion.channels[name] = rest + share * (motion.channels[name] - rest)


def hips_high(motion: Motion, rng: np.random.Generator) -> None:
    """Plank or push-up with the hips above the line from shoulders to ankles."""
    motion.add(hip_flex=rng.uniform(14, 42), neck=-6)


def hips_low(motion: Motion, rng: np.random.Generator) -> None:
    """Plank or push-up with sagging hips."""
    motion.add(hip_flex=-rng.uniform(20, 40))


def half_range(motion: Motion, rng: np.random.Generator) -> None:
    """Push-ups that go down less than half."""
    _scale(motion, rng.uniform(0.25, 0.55), "elbow", "arm_flex", "arm_abduct", "arm_twist")


def shallow(motion: Motion, rng: np.random.Generator) -> None:
    """Squats or lunges that go down less than half."""
    _scale(motion, rng.uniform(0.3, 0.6), "knee", "hip_flex", "pitch", "toe_point", "spine")


def knees_inward(motion: Motion, rng: np.random.Generator) -> None:
    """Squats whose knees fall inward as they bend (dynamic valgus)."""
    u, inward = _share(motion, "left_knee"), rng.uniform(18, 30)
    motion.add(hip_abduct=-inward * u, hip_twist=-1.6 * inward * u)


def back_rounded(motion: Motion, rng: np.random.Generator) -> None:
    """Squats whose chest falls forward over a rounded back."""
    u = _share(motion, "left_knee")
    motion.add(spine=rng.uniform(22, 38) * u, pitch=rng.uniform(10, 20) * u)


def knee_over_toe(motion: Motion, rng: np.random.Generator) -> None:
    """Lunges whose front knee goes far beyond the toes."""
    more = rng.uniform(26, 42)
    for side in SIDES:
        ahead = np.clip(motion.channels[f"{side}_hip_flex"] / 82, 0, 1)  # only the leg in front has flexed its hip
        motion.add(**{f"{side}_knee": more * ahead})


def trunk_forward(motion: Motion, rng: np.random.Generator) -> None:
    """Lunges with the trunk leaning far forward."""
    u = np.maximum(_share(motion, "left_knee"), _share(motion, "right_knee"))
    lean = rng.uniform(30, 45) * u
    motion.add(pitch=lean)
    for side in SIDES:  # the legs keep their place
        motion.add(**{f"{side}_hip_flex": lean})


FAULTS: Mapping[str, Mapping[str, Change]] = MappingProxyType(
    {
        "plank": MappingProxyType({"hips_high": hips_high, "hips_low": hips_low}),
        "squat": MappingProxyType({"shallow": shallow, "knees_inward": knees_inward, "back_rounded": back_rounded}),
        "push_up": MappingProxyType({"hips_high": hips_high, "hips_low": hips_low, "half_range": half_range}),
        "lunge": MappingProxyType({"knee_over_toe": knee_over_toe, "trunk_forward": trunk_forward, "shallow": shallow}),
    }
)
