"""PoseNet as a pose backend with a decoder of its own: Apache-2.0 throughout."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.posenet.checkpoints import PoseNetCheckpoint, find_checkpoint
from posemill.estimation.backends.posenet.decoder import Person, decode_many, decode_one
from posemill.estimation.backends.posenet.fields import read_fields
from posemill.estimation.preprocess import Placement
from posemill.estimation.runtimes import Network, load_runtime
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.tta.rotation import View, nms, smaller
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.settings import Settings

BORDER = 0.02  # a keypoint this far outside the picture (of its longer side) is a guess about what nobody can see


def load(params: LabelParams) -> PoseBackend:
    """Everybody in a picture; see checkpoints.find_checkpoint."""
    return _load(params, one=False)


def load_one(params: LabelParams) -> PoseBackend:
    """One person a picture: quicker to decode, and steadier where there is only one."""
    return _load(params, one=True)


def _load(params: LabelParams, one: bool) -> PoseBackend:
    checkpoint = find_checkpoint(params.checkpoint, params.checkpoint_sha256)
    return PoseNetBackend(checkpoint, params, Settings.from_env().home / "cache", one=one)


class PoseNetBackend(ThreadedBackend):
    """See PoseBackend.

    one  only the hottest cell of every keypoint counts: one person, or none below `params.instance_threshold`.
    """

    skeleton = COCO_17

    def __init__(self, checkpoint: PoseNetCheckpoint, params: LabelParams, cache: Path, one: bool) -> None:
        self._checkpoint, self._params, self._one_person = checkpoint, params, one
        network = Network(checkpoint.sha256 + _digest_of(_NETWORK), checkpoint.module)
        self._runtime = load_runtime(params.runtime, network, cache / "networks", params.threads, params.precision)
        super().__init__(self._runtime.workers)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "posenet-one" if self._one_person else "posenet",
            "checkpoint": self._checkpoint.name,
            "checkpoint_sha256": self._checkpoint.sha256,
            "code": _digest_of(_POSES),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
            "seed_threshold": params.seed_threshold,
            "rotation_fallback_threshold": params.rotation_fallback_threshold,
        }

    def _found(self, image: NDArray[np.uint8]) -> list[Pose]:
        long_edge_px = self._params.long_edge_px
        found = self._look(View(image, 0, long_edge_px))
        enough = self._params.rotation_fallback_threshold
        if self._one_person or enough == 0 or any(pose.person_confidence >= enough for pose in found):
            return found
        turned = [self._look(View(image, quarter_turns, smaller(long_edge_px))) for quarter_turns in (1, 3)]
        return nms([*found, *turned[0], *turned[1]])

    def _look(self, view: View) -> list[Pose]:
        view.placement = _fitting(view.placement, self._checkpoint.multiple)
        (raw,) = self._runtime(view.network_input())
        fields = read_fields(raw, _stride(view.placement, raw))
        if self._one_person:
            found = [decode_one(fields)]
        else:
            found = decode_many(fields, self._params.seed_threshold, self._params.instance_threshold)
        sure = [person for person in found if person.person_confidence >= self._params.instance_threshold]
        return [self._pose(person, view) for person in sure]

    def _pose(self, person: Person, view: View) -> Pose:
        """Keypoints that are not sure enough, or outside the picture, are not seen."""
        xy = view.back(person.xy)
        last = np.array([view.image.shape[1] - 1, view.image.shape[0] - 1], np.float32)
        margin = BORDER * float(last.max())
        seen = (xy >= -margin).all(-1) & (xy <= last + margin).all(-1)
        seen &= (person.confidence > 0) & (person.confidence >= self._params.keypoint_threshold)
        xy = np.where(seen[:, None], xy.clip(0, last), np.float32("nan")).astype(np.float32)
        confidence = np.where(seen, person.confidence, 0).astype(np.float32)
        return Pose(xy, confidence, min(1.0, person.person_confidence))


def _fitting(placement: Placement, multiple: int) -> Placement:
    """Networks of a coarser stride get sides that fit them: more padding, right and below."""
    height, width = (-(-(side - 1) // multiple) * multiple + 1 for side in placement.sides)
    return replace(placement, sides=(height, width))


def _stride(placement: Placement, raw: NDArray[np.float32]) -> int:
    """Pixels a cell: cells lie on both borders."""
    cells = max(1, int(raw.shape[2]) - 1)
    return round((placement.sides[1] - 1) / cells)


_NETWORK = ("network", "resnet", "checkpoints", "tfjs")
_POSES = (
    *_NETWORK,
    "backend",
    "decoder",
    "fields",
    "../../preprocess",
    "../../tta/rotation",
    "../../runtimes/eager",
    "../../runtimes/openvino",
    "../../runtimes/onnxruntime",
)


def _digest_of(modules: Sequence[str]) -> str:
    """Of the code that poses come from: a kept network or pose must not outlive a change of it."""
    files = (Path(__file__).parent / f"{name}.py" for name in modules)
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
