"""Variation of a written motion: the same activity by somebody who moves, holds and paces it otherwise."""

from __future__ import annotations

import numpy as np

from posemill.synth.motion import SIDES, Motion, wander
from posemill.synth.rotation import Floats

_STIFF = ("toe_point",)  # follows the floor


def uneven_time(time_s: Floats, speed: float, rng: np.random.Generator, unevenness: float = 1.0) -> Floats:
    """Return times (T,) of an activity that runs at a speed and is now quicker, now slower; never backwards.

    Examples:
        >>> bool((np.diff(uneven_time(np.arange(50) / 25, 0.8, np.random.default_rng(0))) >= 0).all())
        True
    """
    at = time_s * speed + unevenness * wander(rng, time_s, rng.uniform(0, 0.1), rng.uniform(1.5, 4.0))
    return np.asarray(np.maximum.accumulate(at - at[0]))


def vary(motion: Motion, rng: np.random.Generator, size: float = 1.0) -> None:
    """Change the range of every joint, its middle, and add slow wandering; left and right mostly alike.

    size  times the usual variation: 13 per cent of a range, 5 degrees of a middle.
    """
    total = size * rng.uniform(0.3, 1.6)
    for name in motion.channels:
        if name.endswith("_m") or name.endswith(_STIFF) or name.startswith("right_"):
            continue
        scale, off = rng.normal(0, 0.13 * total), rng.normal(0, 5.0 * total)
        both = (name, name.replace("left_", "right_")) if name.startswith("left_") else (name,)
        for channel in both:
            values = motion.channels[channel]
            middle = values.mean()
            own = scale + rng.normal(0, 0.06 * total)
            shift = off * (0.5 if name in ("pitch", "roll") else 1.0) + rng.normal(0, 3.0 * total)
            drift = wander(rng, motion.time_s, rng.uniform(0, 3.0) * total, rng.uniform(1.0, 4.0))
            motion.channels[channel] = middle + (values - middle) * np.exp(own) + shift + drift
    for side in SIDES:
        for joint in ("knee", "elbow"):
            motion.channels[f"{side}_{joint}"] = np.clip(motion.channels[f"{side}_{joint}"], 1.0, 158.0)
