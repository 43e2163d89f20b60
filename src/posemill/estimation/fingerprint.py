"""What found the keypoints, as two names: one for poses, which cost a network, and one for the tracks made of them.

Equal names mean equal poses, or equal tracks, for the same medium.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams

ENGINE = 1  # counts changes of the engine that change poses
# A parameter changes poses unless it is listed here; what `checkpoint` stands for is the digest that the backend gives.
UNRELATED = frozenset({"threads", "batch_frames", "chunk_s", "attempts", "checkpoint", "checkpoint_sha256", "tracking"})

OFF = frozenset({"roi_propagation"})  # came later: without it names are what they were before


def pose_fingerprint(describes: dict[str, Any], params: LabelParams) -> str:
    """SHA-256 (hex) of what a backend says of itself, and of every parameter that may change poses."""
    related = params.model_dump(mode="json", exclude=set(UNRELATED))
    return _digest([describes, {name: value for name, value in related.items() if name not in OFF or value}, ENGINE])


def fingerprint(describes: dict[str, Any], params: LabelParams) -> str:
    """SHA-256 (hex) of the poses' fingerprint, and of the parameters and the code that make tracks of them."""
    return _digest([pose_fingerprint(describes, params), params.tracking.model_dump(mode="json"), _code_of_tracking()])


def labeller(backend: PoseBackend | None, params: LabelParams) -> dict[str, Any]:
    """The content of labeller.json; None where every keypoint was imported."""
    describes = backend.describe() if backend else None
    return {
        "backend": params.backend,
        "checkpoint": params.checkpoint,
        "checkpoint_sha256": (describes or {}).get("checkpoint_sha256"),
        "runtime": params.runtime,
        "pose_fingerprint": pose_fingerprint(describes, params) if describes else None,
        "fingerprint": fingerprint(describes, params) if describes else None,
        "params": params.model_dump(),
        "describes": describes,
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@cache
def _code_of_tracking() -> str:
    """To track again for a comment costs little; to forget that the code changed costs trust."""
    package = Path(__file__).parents[1]
    files = sorted((package / "estimation" / "tracking").glob("*.py"))
    files += [package / "pose" / name for name in ("oks.py", "gaps.py")]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
