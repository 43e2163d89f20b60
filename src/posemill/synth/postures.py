"""Postures as keyframes: standing, seated, kneeling and lying poses that scripts go between. Angles in degrees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from posemill.synth.script import Pose


def varied(pose: Mapping[str, float], rng: np.random.Generator, spread: float = 4.0) -> dict[str, float]:
    """The same posture by somebody else: every given angle a few degrees off."""
    return {name: value + spread * rng.normal() * min(1.0, abs(value) / 20) for name, value in pose.items()}


def stand(rng: np.random.Generator) -> dict[str, float]:
    """Standing, arms hanging."""
    return {
        "hip_abduct": rng.uniform(2, 7),
        "hip_twist": rng.uniform(2, 12),
        "knee": rng.uniform(3, 8),
        "hip_flex": rng.uniform(1, 4),
        "arm_flex": rng.uniform(-4, 8),
        "arm_abduct": rng.uniform(8, 14),
        "elbow": rng.uniform(8, 26),
    }


def seated(rng: np.random.Generator, lean: float | None = None, knee: float | None = None) -> dict[str, float]:
    """Sitting on a chair, hands on the thighs; `lean` forward is positive."""
    pitch = rng.uniform(-10, 4) if lean is None else lean
    return {
        "pitch": pitch,
        "hip_flex": 88 + pitch,
        "knee": rng.uniform(82, 92) if knee is None else knee,
        "hip_abduct": rng.uniform(3, 11),
        "hip_twist": 6,
        "neck": -0.5 * pitch,
        "arm_flex": 24 + 0.5 * pitch,
        "arm_abduct": 9,
        "arm_twist": -rng.uniform(5, 22),
        "elbow": rng.uniform(50, 74),
    }


def supine(rng: np.random.Generator, knees: float | None = None, arms: float | None = None) -> dict[str, float]:
    """Lying on the back; knees raised by `knees`, arms out by `arms`."""
    bend = rng.uniform(0, 24) if knees is None else knees
    return {
        "pitch": -88,
        "hip_flex": bend,
        "knee": max(2 * bend - 3, 1),
        "ankle": 28 - 0.3 * bend,
        "hip_abduct": rng.uniform(4, 12),
        "hip_twist": 22,
        "neck": 6,
        "arm_abduct": rng.uniform(18, 75) if arms is None else arms,
        "arm_flex": 3,
        "arm_twist": 70,
        "elbow": rng.uniform(6, 40),
    }


def prone(rng: np.random.Generator) -> dict[str, float]:
    """Lying face down, arms beside the head or beside the body."""
    above = rng.uniform(70, 140) if rng.uniform() < 0.7 else rng.uniform(12, 40)
    return {
        "pitch": 88,
        "knee": rng.uniform(2, 14),
        "ankle": 62,
        "hip_abduct": rng.uniform(3, 12),
        "neck": -12,
        "head_turn": rng.choice([-1, 1]) * rng.uniform(25, 60),
        "arm_abduct": above,
        "arm_flex": 6,
        "arm_twist": 85,
        "elbow": rng.uniform(20, 70) if above > 60 else 12,
    }


def on_the_side(rng: np.random.Generator) -> dict[str, float]:
    """Lying on the right side, hips and knees bent."""
    bend = rng.uniform(12, 55)
    return {
        "roll": 86,
        "hip_flex": bend,
        "knee": bend + rng.uniform(5, 40),
        "ankle": 25,
        "spine": 0.2 * bend,
        "neck": 8,
        "spine_side": -3,
        "head_tilt": -12,
        "right_arm_flex": rng.uniform(60, 150),
        "right_arm_abduct": -6,
        "right_elbow": rng.uniform(5, 80),
        "left_arm_flex": rng.uniform(25, 65),
        "left_arm_abduct": -16,
        "left_elbow": rng.uniform(20, 50),
        "left_hip_flex": bend + rng.uniform(-5, 20),
    }


def floor_seat(rng: np.random.Generator, knees: float | None = None) -> dict[str, float]:
    """Sitting on the floor, legs ahead, hands behind or on the knees."""
    bend, pitch = rng.uniform(4, 30) if knees is None else knees, rng.uniform(-14, 4)
    hands = {"arm_flex": 42, "arm_abduct": 8, "elbow": 30} if rng.uniform() < 0.6 else {"arm_flex": -32, "elbow": 4}
    return {
        "pitch": pitch,
        "hip_flex": 86 + pitch + bend,
        "knee": 2 * bend,
        "ankle": 12,
        "hip_abduct": 6,
        "hip_twist": 12,
        "spine": 10,
        **hands,
    }


def cross_legged(rng: np.random.Generator) -> dict[str, float]:
    """Sitting on the floor with crossed legs."""
    return {
        "pitch": -4,
        "hip_flex": 72,
        "hip_abduct": 34,
        "hip_twist": 62,
        "knee": 122,
        "ankle": 30,
        "spine": 8,
        "arm_flex": 26,
        "arm_abduct": 16,
        "elbow": 44,
        "right_knee": 128,
    }


KNEEL: Pose = {"knee": 92, "hip_abduct": 5, "ankle": 62, "arm_flex": 6, "arm_abduct": 10, "elbow": 20}
SIT_HEELS: Pose = {
    "pitch": 4,
    "hip_flex": 80,
    "knee": 150,
    "hip_abduct": 6,
    "ankle": 66,
    "spine": 4,
    "arm_flex": 30,
    "elbow": 42,
    "arm_abduct": 6,
}
HALF_KNEEL: Pose = {
    "pitch": 12,
    "left_hip_flex": 98,
    "left_knee": 92,
    "right_hip_flex": 8,
    "right_knee": 96,
    "right_ankle": 5,
    "hip_abduct": 5,
    "left_arm_flex": 42,
    "left_elbow": 48,
    "right_arm_flex": 12,
    "arm_abduct": 9,
    "right_elbow": 20,
}
ALL_FOURS: Pose = {
    "pitch": 76,
    "hip_flex": 78,
    "knee": 92,
    "ankle": 58,
    "hip_abduct": 4,
    "neck": -30,
    "arm_flex": 76,
    "arm_abduct": 8,
    "elbow": 6,
}
CROUCH: Pose = {
    "pitch": 34,
    "hip_flex": 124,
    "knee": 136,
    "toe_point": 24,
    "spine": 12,
    "neck": -18,
    "hip_abduct": 14,
    "hip_twist": 14,
    "arm_flex": 62,
    "arm_abduct": 6,
    "elbow": 40,
}
STOOP: Pose = {
    "pitch": 62,
    "spine": 30,
    "hip_flex": 66,
    "knee": 24,
    "neck": -8,
    "arm_flex": 82,
    "arm_abduct": 6,
    "elbow": 10,
    "hip_abduct": 6,
}
