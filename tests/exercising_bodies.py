"""Bodies that exercise a known number of times, seen by a camera: the truth of tests of repetition counting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import COCO_17
from posemill.synth.body import Body, rig
from posemill.synth.camera import View, around
from posemill.synth.motion import Motion

SIZE_PX = (480, 360)


def squat(motion: Motion, u: NDArray[np.float64]) -> None:
    """Bend hips and knees by u, 0..1, arms forward."""
    motion.add(hip_flex=105 * u, knee=6 + 100 * u, pitch=30 * u, arm_flex=80 * u, arm_abduct=8, elbow=12)


def jumping_jack(motion: Motion, u: NDArray[np.float64]) -> None:
    """Arms up and legs apart by u, 0..1."""
    motion.add(arm_abduct=12 + 145 * u, hip_abduct=2 + 22 * u, elbow=12, knee=6)


def push_up(motion: Motion, u: NDArray[np.float64]) -> None:
    """Bend the arms by u, 0..1, hands and feet on the floor."""
    motion.hands_down = True
    motion.add(pitch=72, arm_flex=78 - 55 * u, arm_abduct=12 + 25 * u, elbow=6 + 95 * u, toe_point=70)


def curl(motion: Motion, u: NDArray[np.float64]) -> None:
    """Bend both elbows by u, 0..1."""
    motion.add(elbow=12 + 120 * u, arm_abduct=12, knee=5)


EXERCISES = {exercise.__name__: exercise for exercise in (squat, jumping_jack, push_up, curl)}


def exercising(
    exercise: str,
    count: int,
    period_s: float = 2.0,
    fps: float = 30.0,
    still_s: tuple[float, float] = (2.0, 3.0),
    azimuth_deg: float = 35.0,
    jitter_px: float = 0.6,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Return (T, 17, 2) pixels of somebody who stands still, repeats the exercise `count` times, and stands still."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round((still_s[0] + count * period_s + still_s[1]) * fps)) / fps
    share = np.clip((time_s - still_s[0]) / period_s, 0, count)
    motion = Motion(time_s)
    EXERCISES[exercise](motion, 0.5 - 0.5 * np.cos(2 * np.pi * share))
    points = rig(Body.random(rng), motion).keypoints()
    view = View(azimuth_deg=azimuth_deg, height_m=1.1, field_deg=50, fill=0.75, roll_deg=0)
    pixels, _ = around(points.reshape(-1, 3), view, SIZE_PX).project(points)
    assert pixels.shape[1] == len(COCO_17.keypoints)
    return (pixels + rng.normal(0, jitter_px, pixels.shape)).astype(np.float32)
