"""Rendered people for the coach's tests: exact poses in space, and as a camera sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.coach import FormCoach
from posemill.applications.protocol import Event, StreamFacts, TrackedFrame, TrackedPose
from posemill.pose.skeleton import COCO_17
from posemill.synth.camera import View, around
from posemill.synth.exercise_faults import perform

SIZE_PX = (1280, 720)


def filmed(
    exercise: str,
    fault: str | None = None,
    seed: int = 0,
    azimuth: float = 80,
    height_m: float = 1.0,
    duration_s: float = 6.0,
    fps: float = 10.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(T, 17, 2) pixels, (T, 17, 3) metres forward, up, left, and (T,) seconds."""
    done = perform(exercise, fault, seed, duration_s, fps)
    world = done.rig.keypoints()
    camera = around(world.reshape(-1, 3), View(azimuth, height_m, 50, 0.75, 0), SIZE_PX)
    return camera.project(world)[0], world[..., [2, 1, 0]], done.time_s


def coached(
    xy: NDArray[np.float64],
    time_s: NDArray[np.float64],
    confidence: Sequence[NDArray[np.float32]] | None = None,
    finish: bool = True,
    **settings: Any,
) -> tuple[list[Event], FormCoach]:
    """Every event of a stream of one person, and the coach."""
    coach = FormCoach(**settings)
    coach.start(StreamFacts(COCO_17, *SIZE_PX))
    outputs: list[Any] = []
    for i, t in enumerate(time_s):
        sure = np.ones(17, np.float32) if confidence is None else confidence[i]
        outputs += coach.update(TrackedFrame(i, float(t), {1: TrackedPose(xy[i].astype(np.float32), sure)}))
    return [*outputs, *(coach.finish() if finish else ())], coach
