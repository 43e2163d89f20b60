"""What found the keypoints, as one name: equal names mean equal tracks for the same medium."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from posemill.labelling.base import PoseBackend
from posemill.params.label import LabelParams

TRACKER = 2  # counts changes of tracking that change tracks


def fingerprint(describes: dict[str, Any], params: LabelParams) -> str:
    """SHA-256 (hex) of what a backend says of itself, and of what the engine and the tracker add."""
    engine = {"frame_stride": params.frame_stride, "tracking": params.tracking.model_dump(), "tracker": TRACKER}
    return hashlib.sha256(json.dumps([describes, engine], sort_keys=True).encode()).hexdigest()


def labeller(backend: PoseBackend | None, params: LabelParams) -> dict[str, Any]:
    """The content of labeller.json; None where every keypoint was imported."""
    describes = backend.describe() if backend else None
    return {
        "backend": params.backend,
        "checkpoint": params.checkpoint,
        "checkpoint_sha256": (describes or {}).get("checkpoint_sha256"),
        "runtime": params.runtime,
        "fingerprint": fingerprint(describes, params) if describes else None,
        "params": params.model_dump(),
        "describes": describes,
    }
