"""PoseNet as a pose backend with a decoder of its own: Apache-2.0 throughout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.posenet.checkpoints import PoseNetCheckpoint, find_checkpoint
from posemill.estimation.backends.posenet.people import people
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes import Network, load_runtime
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.settings import Settings

_NETWORK = "posemill.estimation.backends.posenet.checkpoints"  # the code that an exported network is made of


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
        network = Network(checkpoint.sha256 + pose_code(_NETWORK), checkpoint.module)
        self._runtime = load_runtime(params.runtime, network, cache / "networks", params.threads, params.precision)
        super().__init__(self._runtime.workers)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "posenet-one" if self._one_person else "posenet",
            "checkpoint": self._checkpoint.name,
            "checkpoint_sha256": self._checkpoint.sha256,
            "code": pose_code(__name__),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
            "seed_threshold": params.seed_threshold,
        }

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        return people(image, self._run, self._params, self._checkpoint.multiple, self._one_person)

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        (raw,) = self._runtime(picture)
        return raw
