"""Check of an exported folder on the device: golden clips, and the time of a pose."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from posemill.applications.protocol import StreamFacts
from posemill.edge.model import MODEL, EdgeModel
from posemill.edge.stream import SKELETON
from posemill.errors import CheckpointError
from posemill.prediction.golden import FILE, TOLERANCE, GoldenClip, answer, compare, question, read_golden

POSES, SIZE_PX = 10, (640, 360)


def answers(model: EdgeModel, folder: Path) -> tuple[list[tuple[GoldenClip, GoldenClip]], float]:
    """Return the golden clips beside this device's answers, and the largest difference of a probability."""
    if model.classifier is None:
        return [], 0.0
    clips = read_golden(folder / MODEL / FILE, model.classifier.classes)
    pairs = [(clip, answer(model.classifier, question(clip))) for clip in clips]
    return pairs, max(compare(expected, given) for expected, given in pairs)


def check(model: EdgeModel, folder: Path) -> dict[str, Any]:
    """Return the outcome as JSON values. Errors: CheckpointError where an answer differs."""
    pairs, difference = answers(model, folder)
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"this device answers otherwise than the model that was exported: a probability differs by "
            f"{difference:.2g}, at most {TOLERANCE:g} is allowed; try another device, and export again"
        )
    applications = model.applications()
    for application in applications:
        application.start(StreamFacts(SKELETON, *SIZE_PX))
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE_PX[::-1], 3), np.uint8)
    model.pose(noise)
    begin = time.perf_counter()
    for _ in range(POSES):
        model.pose(noise)
    return {
        "clips": len(pairs),
        "windows": sum(len(given.windows) for _, given in pairs),
        "largest_difference": difference,
        "applications": [application.name for application in applications],
        "pose_ms": round((time.perf_counter() - begin) / POSES * 1000, 1),
    }
