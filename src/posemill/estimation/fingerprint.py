"""Fingerprints of poses, which cost a network, and of the tracks made of them; digests of the code behind both.

Equal fingerprints mean equal poses, or equal tracks, for the same medium. They cover parameters, checkpoint and code.
The code is found from the import closure of a backend, so that no list of files can forget one; what is left out
cannot change a pose:

- params: their values are in the fingerprint already; errors and settings: sentences, addresses and folders; text_file:
  reads skeletons, whose definitions are in the fingerprint.
- types and the register of backends: declarations, nothing is computed there.
- tables of skeletons (pose.layouts, pose.sensors, pose.skeleton): data. The definition of the skeleton in use is in
  the fingerprint, and its class (pose.topology) counts always; another tool's skeleton changes nothing.
- sandboxed decoding: it yields the frames of the usual decoder, which is in the closure.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from posemill.code_digest import PACKAGE, code_digest, import_closure
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.definition import written_out
from posemill.pose.skeleton import SKELETONS

# A parameter changes poses unless it is listed here. What `checkpoint`, `refine` and `small_people` come to is in the
# description that the backend gives.
UNRELATED = frozenset(
    {
        "threads",
        "batch_frames",
        "chunk_s",
        "attempts",
        "checkpoint",
        "checkpoint_sha256",
        "refine",
        "small_people",
        "tracking",
    }
)
STOP = tuple(
    f"posemill.{name}"  # not in full: a module that is named in a string counts as imported
    for name in (
        "code_digest",
        "errors",
        "estimation.fingerprint",
        "estimation.registry",
        "estimation.types",
        "onnx_file",  # hands on the bytes of a file, or refuses it
        "params",
        "pose.layouts",
        "pose.sensors",
        "pose.skeleton",
        "settings",
        "text_file",
        "untrusted",  # an exception becomes another
        "video.sandboxed",
    )
)
FRAMES = "posemill.estimation.stream"  # reads, strides and crops frames, whichever backend poses them
TRACKING = "posemill.estimation.tracking"
_SKELETON = "posemill.pose.topology"


@cache
def pose_code(*modules: str, package: Path = PACKAGE) -> str:
    """Return a short digest of all code that these modules can reach and that may change poses.

    Comments, docstrings and formatting do not count: nobody labels a million videos again for a comment.
    """
    return code_digest(pose_modules(*modules, package=package), package=package)[:16]


def pose_modules(*modules: str, package: Path = PACKAGE) -> frozenset[str]:
    """Return the modules whose code `pose_code` covers."""
    return import_closure([*modules, _SKELETON], stop=STOP, package=package)


def pose_fingerprint(describes: dict[str, Any], params: LabelParams) -> str:
    """Return the SHA-256 (hex) of a backend's description, of its skeleton, of the code and of every parameter that
    may change poses.
    """
    related = params.model_dump(mode="json", exclude=set(UNRELATED))
    skeleton = SKELETONS.get(describes.get("skeleton", ""))
    return _digest([describes, written_out(skeleton) if skeleton else None, related, pose_code(FRAMES)])


def fingerprint(describes: dict[str, Any], params: LabelParams) -> str:
    """Return the SHA-256 (hex) of the poses' fingerprint, and of the parameters and the code of tracking."""
    return _digest([pose_fingerprint(describes, params), params.tracking.model_dump(mode="json"), pose_code(TRACKING)])


def labeller(backend: PoseBackend | None, params: LabelParams) -> dict[str, Any]:
    """Return the content of labeller.json; `backend` None where every keypoint was imported."""
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
