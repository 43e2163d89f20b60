"""The pose backend: picture, network, decoder, poses in the picture's own pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.openpifpaf.checkpoints import Checkpoint
from posemill.estimation.backends.openpifpaf.decoder import Decoder, Thresholds
from posemill.estimation.backends.openpifpaf.operators import openpifpaf_version
from posemill.estimation.prefetch import mapped
from posemill.estimation.runtimes import Network, load_runtime
from posemill.estimation.tta.rotation import View, nms, smaller
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

BORDER = 0.02  # a keypoint this far outside the picture (of its longer side) is a guess about what nobody can see
AHEAD = 2  # pictures that wait for each worker, so that none is idle

_ROOT = Path(__file__).parents[2]
_NETWORK_CODE = (  # computes fields
    "backends/posenet/network.py",
    "backends/openpifpaf/fields.py",
    "backends/openpifpaf/network.py",
    "backends/openpifpaf/shuffles.py",
)
_POSE_CODE = (
    *_NETWORK_CODE,
    "preprocess.py",
    "tta/rotation.py",
    "region.py",
    "backends/openpifpaf/backend.py",
    "backends/openpifpaf/decoder.py",
    "backends/openpifpaf/heads.py",
    "runtimes/eager.py",
    "runtimes/openvino.py",
    "runtimes/onnxruntime.py",
)


class OpenPifPafBackend:
    """See PoseBackend. Pictures are spread over the runtime's workers; each scales, runs and decodes its picture."""

    skeleton = COCO_17

    def __init__(self, checkpoint: Checkpoint, params: LabelParams, cache: Path) -> None:
        self._params, self._checkpoint = params, checkpoint
        network = Network(checkpoint.sha256 + _digest_of(_NETWORK_CODE), lambda: _module(checkpoint))
        self._runtime = load_runtime(params.runtime, network, cache / "networks", params.threads, params.precision)
        thresholds = Thresholds(
            params.force_complete, params.instance_threshold, params.keypoint_threshold, params.seed_threshold
        )
        self._decode = Decoder(checkpoint.heads, thresholds)
        self._pool = ThreadPoolExecutor(self._runtime.workers, thread_name_prefix="posemill-pose")

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "openpifpaf",
            "openpifpaf": openpifpaf_version(),
            "checkpoint": self._checkpoint.name,
            "checkpoint_sha256": self._checkpoint.sha256,
            "code": _digest_of(_POSE_CODE),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "force_complete": params.force_complete,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
            "seed_threshold": params.seed_threshold,
            "rotation_fallback_threshold": params.rotation_fallback_threshold,
        }

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        return list(self.stream(images))

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        """See engine.StreamingBackend."""
        return mapped(self._pool, self._found, images, AHEAD * self._runtime.workers)

    def _found(self, image: NDArray[np.uint8]) -> list[Pose]:
        long_edge_px = self._params.long_edge_px
        found = self._look(View(image, 0, long_edge_px))
        if self._params.rotation_fallback_threshold and all(
            pose.person_confidence < self._params.rotation_fallback_threshold for pose in found
        ):
            turned = [self._look(View(image, quarter_turns, smaller(long_edge_px))) for quarter_turns in (1, 3)]
            found = nms([*found, *turned[0], *turned[1]])
        return found

    def _look(self, view: View) -> list[Pose]:
        fields = self._runtime(view.network_input())
        return [self._pose(points, confidence, view) for points, confidence in self._decode(fields)]

    def _pose(self, points: NDArray[np.float32], confidence: float, view: View) -> Pose:
        """Keypoints that are not sure enough, or outside the picture, are not seen."""
        xy = view.back(points[:, :2])
        sure = points[:, 2].clip(0, 1).astype(np.float32)
        last = np.array([view.image.shape[1] - 1, view.image.shape[0] - 1], np.float32)
        margin = BORDER * float(last.max())
        seen = (sure > 0) & (sure >= self._params.keypoint_threshold)
        seen &= (xy >= -margin).all(-1) & (xy <= last + margin).all(-1)
        xy = np.where(seen[:, None], xy.clip(0, last), np.float32("nan"))
        return Pose(xy.astype(np.float32), np.where(seen, sure, np.float32(0)), min(1.0, max(0.0, confidence)))


def _module(checkpoint: Checkpoint) -> Any:
    from posemill.estimation.backends.openpifpaf.network import from_bytes

    return from_bytes(checkpoint.shell)


@cache
def _digest_of(code: tuple[str, ...]) -> str:
    """Of modules in labelling: neither a kept network nor keypoints outlive a change of what made them."""
    return hashlib.sha256(b"".join((_ROOT / name).read_bytes() for name in code)).hexdigest()[:16]
