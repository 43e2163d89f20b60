"""The body's surface: tapered capsules and ellipsoids on the joints, each in a colour.

Sizes are in heights of the body, so that one list fits every body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.synth.body import FACE, SIGNS, Body, Rig
from posemill.synth.motion import SIDES
from posemill.synth.rotation import Floats, turn

Colour = tuple[float, float, float]
SKINS: tuple[Colour, ...] = ((236, 190, 165), (222, 172, 140), (198, 145, 110), (160, 110, 80), (120, 80, 58))
HAIRS: tuple[Colour, ...] = ((38, 28, 22), (70, 45, 28), (120, 80, 45), (170, 130, 80), (150, 150, 150))


@dataclass(frozen=True, slots=True)
class Look:
    """Clothes and hair of a person. Colours are RGB 0..255."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    long_sleeves: bool
    long_trousers: bool
    long_hair: bool

    @classmethod
    def random(cls, rng: np.random.Generator, skin: Colour, hair: Colour, long_hair: bool) -> Look:
        """Fresh clothes on the same person."""
        shoes = ((45, 45, 48), (215, 215, 215), (120, 50, 45))[rng.integers(3)]
        return cls(
            skin=skin,
            hair=hair,
            shirt=_cloth(rng, 0.35, 0.95),
            trousers=_cloth(rng, 0.15, 0.55),
            shoes=shoes,
            long_sleeves=bool(rng.uniform() < 0.35),
            long_trousers=bool(rng.uniform() < 0.7),
            long_hair=long_hair,
        )


def _cloth(rng: np.random.Generator, dark: float, bright: float) -> Colour:
    import colorsys

    r, g, b = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.25, 0.85), rng.uniform(dark, bright))
    return 255 * r, 255 * g, 255 * b


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Everything to draw, in the world.

    ends     (T, C, 2, 3) metres: the two ends of C capsules;  radii (C, 2) metres at these ends.
    centres  (T, E, 3) metres of E ellipsoids; axes (T, E, 3, 3): the columns are the half axes, in metres.
    colours  (C + E, 3) RGB 0..255, capsules first.
    """

    ends: Floats
    radii: Floats
    centres: Floats
    axes: Floats
    colours: Floats


class _Parts:
    """Collects parts; `place` and sizes in heights of the body."""

    def __init__(self, body: Body, rig: Rig) -> None:
        self.body, self.rig = body, rig
        self.capsules: list[tuple[Floats, Floats, float, float, Colour]] = []
        self.ellipsoids: list[tuple[Floats, Floats, Colour]] = []

    def at(self, point: str, frame: str, place: tuple[float, float, float], scale: float = 1.0) -> Floats:
        return self.rig.points[point] + turn(self.rig.frames[frame], np.array(place) * self.body.height * scale)

    def capsule(self, start: Floats | str, end: Floats | str, r0: float, r1: float, colour: Colour) -> None:
        a, b = (self.rig.points[p] if isinstance(p, str) else p for p in (start, end))
        self.capsules.append((a, b, r0 * self.body.height, r1 * self.body.height, colour))

    def ellipsoid(
        self, centre: Floats, frame: str, half: tuple[float, float, float], colour: Colour, scale: float = 1.0
    ) -> None:
        axes = self.rig.frames[frame] * (np.array(half) * self.body.height * scale)
        self.ellipsoids.append((centre, axes, colour))

    def surface(self) -> Surface:
        return Surface(
            ends=np.stack([np.stack([a, b], 1) for a, b, *_ in self.capsules], 1),
            radii=np.array([[r0, r1] for _, _, r0, r1, _ in self.capsules]),
            centres=np.stack([c for c, _, _ in self.ellipsoids], 1),
            axes=np.stack([a for _, a, _ in self.ellipsoids], 1),
            colours=np.array([c[-1] for c in self.capsules] + [e[-1] for e in self.ellipsoids], np.float64),
        )


def dress(body: Body, rig: Rig, look: Look) -> Surface:
    """The surface of a dressed body over time."""
    parts = _Parts(body, rig)
    _trunk(parts, look)
    for side in SIDES:
        _arm(parts, look, side)
        _leg(parts, look, side)
    _head(parts, look)
    return parts.surface()


def _trunk(parts: _Parts, look: Look) -> None:
    g, wide = parts.body.girth, parts.body.shoulder / parts.body.height / 0.108
    parts.ellipsoid(
        parts.at("waist", "chest", (0, 0.094, 0.004)), "chest", (0.094 * wide * g**0.6, 0.118, 0.062 * g), look.shirt
    )
    parts.ellipsoid(parts.at("waist", "chest", (0, -0.004, 0.004)), "chest", (0.079 * g, 0.105, 0.058 * g), look.shirt)
    parts.ellipsoid(
        parts.at("pelvis", "pelvis", (0, 0.016, -0.006)), "pelvis", (0.088 * g, 0.066, 0.064 * g), look.trousers
    )
    left, right = (parts.at(f"{s}_shoulder", "chest", (-SIGNS[s] * 0.012, -0.002, 0)) for s in SIDES)
    parts.capsule(left, right, 0.033 * g**0.5, 0.033 * g**0.5, look.shirt)
    for shoulder in (left, right):  # the slope from the neck
        parts.capsule(parts.at("neck", "chest", (0, 0.002, -0.006)), shoulder, 0.030, 0.030 * g**0.5, look.shirt)
    parts.capsule(
        parts.at("neck", "chest", (0, -0.01, -0.004)),
        parts.at("head", "head", (0, -0.035, -0.008)),
        0.031,
        0.029,
        look.skin,
    )


def _arm(parts: _Parts, look: Look, side: str) -> None:
    g = parts.body.girth**0.5
    shoulder, elbow, wrist = (f"{side}_{p}" for p in ("shoulder", "elbow", "wrist"))
    parts.capsule(shoulder, elbow, 0.032 * g, 0.024 * g, look.shirt)
    parts.capsule(elbow, wrist, 0.023 * g, 0.0165 * g, look.shirt if look.long_sleeves else look.skin)
    palm = parts.at(wrist, f"{side}_forearm", (0, -0.030, 0))
    parts.ellipsoid(palm, f"{side}_forearm", (0.014, 0.036, 0.023), look.skin)
    parts.capsule(palm, parts.at(wrist, f"{side}_forearm", (0, -0.068, 0.006)), 0.014, 0.009, look.skin)
    thumb = parts.at(wrist, f"{side}_forearm", (0, -0.044, 0.030))
    parts.capsule(parts.at(wrist, f"{side}_forearm", (0, -0.015, 0.014)), thumb, 0.009, 0.007, look.skin)


def _leg(parts: _Parts, look: Look, side: str) -> None:
    g = parts.body.girth**0.6
    hip, knee, ankle = (f"{side}_{p}" for p in ("hip", "knee", "ankle"))
    shin = look.trousers if look.long_trousers else look.skin
    parts.capsule(hip, knee, 0.053 * g, 0.036 * g, look.trousers)
    parts.capsule(knee, ankle, 0.034 * g, 0.023 * g, shin)
    calf = parts.at(knee, f"{side}_shank", (0, -0.075, -0.008))
    parts.ellipsoid(calf, f"{side}_shank", (0.033 * g, 0.075, 0.034 * g), shin)
    parts.capsule(f"{side}_heel", f"{side}_toe", 0.020, 0.016, look.shoes)
    parts.capsule(ankle, f"{side}_heel", 0.020, 0.019, look.shoes)


def _head(parts: _Parts, look: Look) -> None:
    s = parts.body.head

    def part(place: tuple[float, float, float], half: tuple[float, float, float], colour: Colour) -> None:
        parts.ellipsoid(parts.at("head", "head", place, s), "head", half, colour, s)

    lips = (0.72 * look.skin[0], 0.45 * look.skin[1], 0.45 * look.skin[2])
    part((0, 0.006, 0), (0.044, 0.060, 0.053), look.skin)
    part((0, -0.032, 0.012), (0.034, 0.036, 0.038), look.skin)
    part((0, 0.020, -0.012), (0.048, 0.052, 0.052), look.hair)
    if look.long_hair:
        part((0, -0.020, -0.028), (0.047, 0.070, 0.034), look.hair)
    nose = FACE["nose"]
    part((0, nose[1], nose[2] - 0.008), (0.008, 0.013, 0.012), tuple(0.93 * c for c in look.skin))  # type: ignore[arg-type]
    part((0, -0.038, 0.046), (0.014, 0.004, 0.006), lips)
    for sign in SIGNS.values():
        x, y, z = FACE["eye"]
        part((sign * x, y, z - 0.004), (0.0095, 0.0055, 0.006), (240, 240, 238))
        part((sign * x, y, z - 0.001), (0.0048, 0.0052, 0.005), (40, 30, 25))
        part((sign * x, y + 0.015, z - 0.003), (0.012, 0.0028, 0.006), look.hair)
        x, y, z = FACE["ear"]
        part((sign * x, y, z), (0.006, 0.016, 0.011), tuple(0.95 * c for c in look.skin))  # type: ignore[arg-type]
