"""Files of the live page's teach mode, made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from packaged import CLASSES
from posemill.pose.skeleton import COCO_17

T = 12


def example(number: int, **changed: Any) -> dict[str, Any]:
    """One recording, with a keypoint and two frames in which nothing was seen."""
    positions: list[float | None] = np.random.default_rng(number).uniform(10, 400, T * 2 * len(COCO_17)).tolist()
    confidence = [0.9] * T * len(COCO_17)
    positions[:2], confidence[0] = [None, None], 0.0
    return {
        "id": f"id-{number}",
        "activity": CLASSES[number % 2],
        "subject": f"person {number}",
        "kind": "movement",
        "width_px": 640,
        "height_px": 480,
        "frames": T + 2,
        "duration_s": 0.7,
        "frame": [0, 1, *range(4, T + 2)],
        "time_s": [0.0, 0.05, *(0.05 * i for i in range(4, T + 2))],
        "xy": positions,
        "confidence": confidence,
    } | changed


def written(path: Path, examples: list[dict[str, Any]], **changed: Any) -> Path:
    """Write a file of these examples, without a model."""
    content = {
        "format": "posemill-taught-1",
        "created": "2026-05-04T10:12:33.000Z",
        "pose_network": "movenet",
        "skeleton": "coco-17",
        "keypoints": list(COCO_17.keypoints),
        "classes": list(CLASSES[:2]),
        "examples": examples,
        "model": None,
    }
    path.write_text(json.dumps(content | changed))
    return path
