"""Random movements away from a posture: of both arms or one, legs, trunk or all, by a random share of a random size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.synth.motion import SIDES

Channels = dict[str, float]  # name of a channel → degrees
_TURNED_BY_MIRROR = ("roll", "spine_side", "spine_twist", "head_turn", "head_tilt")


@dataclass(frozen=True, slots=True)
class Excursion:
    """Offsets of the channels at the farthest point, degrees; one-sided ones may be done by turns."""

    offsets: Channels
    one_sided: bool


def add_both(channels: Channels, **degrees: float) -> None:
    """Add to a limb's channel on both sides."""
    for name, value in degrees.items():
        for side in SIDES:
            channels[f"{side}_{name}"] = channels.get(f"{side}_{name}", 0.0) + value


def mirrored(channels: Channels) -> Channels:
    """Return the channels with left and right exchanged.

    Examples:
        >>> mirrored({"left_knee": 90.0, "roll": 5.0})
        {'right_knee': 90.0, 'roll': -5.0}
    """
    other = {"left": "right", "right": "left"}
    found: Channels = {}
    for name, value in channels.items():
        side, _, limb = name.partition("_")
        found[f"{other[side]}_{limb}" if side in other else name] = -value if name in _TURNED_BY_MIRROR else value
    return found


def random_excursion(rng: np.random.Generator) -> Excursion:
    """Return a random movement."""
    offsets: Channels = {}
    kind = rng.choice(7, p=[0.30, 0.08, 0.22, 0.07, 0.13, 0.12, 0.08])
    side = SIDES[rng.integers(2)]
    if kind == 0:
        _arm(rng, offsets, SIDES, _size(rng, 25))
    elif kind == 1:
        _arm(rng, offsets, (side,), _size(rng, 30))
    elif kind == 2:
        _leg(rng, offsets, SIDES, _size(rng, 25))
    elif kind == 3:
        _leg(rng, offsets, (side,), _size(rng, 30))
    elif kind == 4:
        _trunk(rng, offsets, _size(rng, 20, 90))
    elif kind == 5:
        _arm(rng, offsets, SIDES, _size(rng, 20))
        _leg(rng, offsets, SIDES, _size(rng, 20))
        if rng.random() < 0.4:
            _trunk(rng, offsets, _size(rng, 12, 60))
    else:
        _stride(rng, offsets, side)
    _accompany(rng, offsets, bends=kind in (2, 6))
    return Excursion(offsets, one_sided=kind in (1, 3, 6))


def _size(rng: np.random.Generator, least: float, most: float = 130.0) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def _spread(rng: np.random.Generator, offsets: Channels, sides: tuple[str, ...], limb: Channels, off: float) -> None:
    for side in sides:
        for name, value in limb.items():
            offsets[f"{side}_{name}"] = offsets.get(f"{side}_{name}", 0.0) + value * rng.normal(1, off)


def _arm(rng: np.random.Generator, offsets: Channels, sides: tuple[str, ...], size: float) -> None:
    u, sign = rng.uniform, float(rng.choice([-1, 1]))
    kinds: tuple[Channels, ...] = (
        {"arm_flex": size * u(0.5, 1.3)},
        {"arm_abduct": size * u(0.5, 1.3)},
        {"elbow": size * u(0.6, 1.3)},
        {"elbow": size, "arm_flex": sign * size * u(0.3, 1)},
        {"elbow": size, "arm_abduct": sign * size * u(0.3, 1)},
        {name: rng.normal(0, size / 1.5) for name in ("arm_flex", "arm_abduct", "elbow", "arm_twist")},
    )
    _spread(rng, offsets, sides, kinds[rng.integers(len(kinds))], 0.08)


def _leg(rng: np.random.Generator, offsets: Channels, sides: tuple[str, ...], size: float) -> None:
    bent: Channels = {"hip_flex": size, "knee": size * rng.uniform(0.7, 1.3)}
    kinds: tuple[Channels, ...] = (bent, bent, {"hip_flex": size}, {"hip_abduct": size / 2}, {"knee": size})
    _spread(rng, offsets, sides, kinds[rng.integers(len(kinds))], 0.06)


def _trunk(rng: np.random.Generator, offsets: Channels, size: float) -> None:
    kind = rng.integers(5)
    pitch = offsets.get("pitch", 0.0)
    if kind == 0:
        offsets["pitch"] = pitch + size * float(rng.choice([-1, 1]))
        add_both(offsets, hip_flex=abs(offsets["pitch"]) * rng.uniform(0.5, 1.1))
    elif kind == 1:
        offsets |= {"spine": size * 0.5, "pitch": pitch + size * 0.6}
    elif kind == 2:
        offsets["spine_side"] = size * 0.5
    elif kind == 3:
        offsets["spine_twist"] = size * 0.7
    else:
        add_both(offsets, hip_flex=size)


def _stride(rng: np.random.Generator, offsets: Channels, side: str) -> None:
    """One leg forward and bent, the other back."""
    u, other = rng.uniform, mirrored({f"{side}_x": 0.0})
    _leg(rng, offsets, SIDES, _size(rng, 40))
    back = next(iter(other)).removesuffix("_x")
    offsets |= {f"{side}_hip_flex": u(50, 100), f"{side}_knee": u(60, 110)}
    offsets |= {f"{back}_hip_flex": -u(0, 30), f"{back}_knee": u(30, 105)}


def _accompany(rng: np.random.Generator, offsets: Channels, bends: bool) -> None:
    """Add what other parts of the body do with it."""
    if bends and rng.random() < 0.6:
        offsets["pitch"] = offsets.get("pitch", 0.0) + rng.uniform(0, 40)
    if rng.random() < 0.25:
        _arm(rng, offsets, SIDES, _size(rng, 8, 40))
    if rng.random() < 0.25:
        _trunk(rng, offsets, _size(rng, 5, 20))
