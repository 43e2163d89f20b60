"""People in three dimensions in any layout, who swing their hands: what data sets of other layouts are made of."""

from __future__ import annotations

import numpy as np

from posemill.pose.skeleton import Skeleton

ACTIVITIES = ("swing_aside", "swing_up", "swing_ahead")  # along x, y and z, which is away from the sensor
FPS = 30
PLACES = {  # metres from the floor's middle: x to the picture's right for the left side, y up
    "spine_base": (0, 1.0),
    "spine_mid": (0, 1.25),
    "spine_shoulder": (0, 1.45),
    "mid_neck": (0, 1.5),
    "mid_head": (0, 1.65),
    "throat": (0, 1.47),
    "belly": (0, 1.1),
    "face": (0, 1.62),
    "head_top": (0, 1.8),
    "pelvis": (0, 0.98),
    "spine": (0, 1.2),
    "thorax": (0, 1.45),
    "torso": (0, 1.2),
    "nose": (0, 1.62),
    "eye": (0.03, 1.66),
    "ear": (0.07, 1.64),
    "shoulder": (0.18, 1.42),
    "elbow": (0.22, 1.15),
    "wrist": (0.24, 0.92),
    "hand": (0.24, 0.85),
    "hand_tip": (0.24, 0.8),
    "thumb_tip": (0.2, 0.84),
    "hip": (0.1, 0.95),
    "knee": (0.11, 0.5),
    "ankle": (0.11, 0.1),
    "foot": (0.12, 0.03),
}
_HAND = ("wrist", "hand", "hand_tip", "thumb_tip")


def body(points: Skeleton, subject: int, activity: str, frames: int = 45) -> np.ndarray:
    """(frames, K, 3) metres, 3 m from the sensor, y up: somebody of a size of their own."""
    rng = np.random.default_rng(subject)
    parts = [name.removeprefix("left_").removeprefix("right_") for name in points.keypoints]
    side = np.array([-1 if name.startswith("right_") else 1 for name in points.keypoints])
    rest = np.array([(*PLACES[part], 0) for part in parts], np.float64)
    rest[:, 0] *= side
    rest = rest * rng.uniform(0.85, 1.15) + rng.normal(0, 0.02, rest.shape) + (0, -1, 3)
    moved = rest + np.random.default_rng([subject, ACTIVITIES.index(activity)]).normal(0, 0.003, (frames, *rest.shape))
    swing = 0.25 * np.sin(np.arange(frames) / FPS * 2 * np.pi + rng.uniform(0, 6))
    moved[:, [part in _HAND for part in parts], ACTIVITIES.index(activity)] += swing[:, None]
    return moved


def flat(metres: np.ndarray) -> np.ndarray:
    """(..., 2) pixels of a picture of 640 x 480 that a sensor would take of them."""
    return np.stack([320 + 500 * metres[..., 0] / metres[..., 2], 240 - 500 * metres[..., 1] / metres[..., 2]], -1)
