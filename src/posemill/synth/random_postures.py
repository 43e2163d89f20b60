"""Random postures that movements start from: standing, bent, lying, prone, hanging, sitting, kneeling, on a side."""

from __future__ import annotations

import numpy as np

from posemill.synth.excursions import Channels, add_both
from posemill.synth.motion import LIMBS, SIDES

_SHARES = {
    "standing": 0.42,
    "bent": 0.08,
    "supine": 0.14,
    "prone": 0.14,
    "hanging": 0.07,
    "sitting": 0.06,
    "kneeling": 0.05,
    "side": 0.04,
}


def random_posture(rng: np.random.Generator) -> Channels:
    """Return the channels of a random posture in degrees, the limbs a few degrees off."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    posture: Channels = {}
    _legs_and_trunk(rng, kind, posture)
    if kind in ("standing", "supine", "sitting", "kneeling", "side"):
        _arms(rng, posture)
    for side in SIDES:
        for limb in LIMBS[:-1]:
            posture[f"{side}_{limb}"] = posture.get(f"{side}_{limb}", 0.0) + rng.normal(0, 5)
    return posture


def _legs_and_trunk(rng: np.random.Generator, kind: str, posture: Channels) -> None:
    u = rng.uniform
    if kind == "standing":
        add_both(posture, hip_flex=u(0, 15), knee=u(0, 15), hip_abduct=u(0, 18))
    elif kind == "bent":
        add_both(posture, hip_flex=u(40, 95), knee=u(5, 60), arm_flex=u(20, 90), elbow=u(0, 30))
        posture["pitch"] = u(30, 80)
    elif kind == "supine":
        posture["pitch"] = -u(80, 95) if rng.random() < 0.8 else -u(35, 70)
        add_both(posture, hip_flex=u(-8, 60), knee=u(0, 105), hip_abduct=u(0, 20))
    elif kind == "prone":
        posture["pitch"] = u(62, 92)
        add_both(posture, arm_flex=u(60, 100), arm_abduct=u(0, 40), elbow=u(0, 30), hip_flex=u(-10, 15))
        add_both(posture, knee=float(rng.choice([0, 0, 0, 60, 90])) + u(0, 10))
    elif kind == "hanging":
        add_both(posture, arm_abduct=u(145, 175), arm_twist=90, elbow=u(5, 30), knee=u(0, 95), hip_flex=u(0, 25))
    elif kind == "sitting":
        posture["pitch"] = u(-25, 20)
        add_both(posture, hip_flex=u(70, 105), knee=u(60, 110))
    elif kind == "kneeling":
        add_both(posture, hip_flex=u(0, 90), knee=u(80, 140))
    else:
        posture["roll"] = float(rng.choice([-1, 1])) * u(70, 95)
        add_both(posture, hip_flex=u(0, 50), knee=u(0, 60))


def _arms(rng: np.random.Generator, posture: Channels) -> None:
    """Hang, on the hips, folded, forward, at the shoulders, overhead, sideways."""
    u = rng.uniform
    kinds = (
        {"arm_flex": u(-10, 15), "arm_abduct": u(3, 25), "elbow": u(5, 40)},
        {"arm_abduct": 48, "arm_flex": -18, "arm_twist": -75, "elbow": 98},
        {"arm_flex": 32, "arm_abduct": 8, "arm_twist": -50, "elbow": 105},
        {"arm_flex": u(60, 100), "arm_abduct": u(0, 20), "elbow": u(0, 40)},
        {"arm_flex": u(10, 50), "arm_abduct": u(10, 60), "elbow": u(90, 145), "arm_twist": u(-30, 60)},
        {"arm_abduct": u(140, 175), "arm_twist": u(0, 90), "elbow": u(0, 40)},
        {"arm_abduct": u(60, 100), "arm_twist": u(-20, 90), "elbow": u(0, 100)},
    )
    add_both(posture, **kinds[rng.integers(len(kinds))])
