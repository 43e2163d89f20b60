"""OpenPifPaf as a pose backend: preprocessing, network, decoder, poses in the picture's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.openpifpaf.checkpoints import Checkpoint
from posemill.estimation.backends.openpifpaf.decoder import Decoder, Thresholds
from posemill.estimation.backends.openpifpaf.operators import openpifpaf_version
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.prefetch import mapped
from posemill.estimation.preprocess import network_input, place
from posemill.estimation.runtimes import Network, load_runtime
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

AHEAD = 2  # pictures that wait for each worker, so that none is idle

_CODE = "posemill.estimation.backends.openpifpaf"  # the package: its code that reads weights counts too
_NETWORK = "posemill.estimation.backends.openpifpaf.network"  # the code that an exported network is made of


class OpenPifPafBackend:
    """See PoseBackend. Pictures are spread over the runtime's workers; each scales, runs and decodes its picture."""

    skeleton = COCO_17

    def __init__(self, checkpoint: Checkpoint, params: LabelParams, cache: Path) -> None:
        self._params, self._checkpoint = params, checkpoint
        network = Network(checkpoint.sha256 + pose_code(_NETWORK), lambda: _module(checkpoint))
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
            "code": pose_code(_CODE),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "force_complete": params.force_complete,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
            "seed_threshold": params.seed_threshold,
        }

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        return list(self.stream(images))

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        """See StreamingBackend."""
        return mapped(self._pool, self._pose_image, images, AHEAD * self._runtime.workers)

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        (height, width), threshold = image.shape[:2], self._params.keypoint_threshold
        placement = place(height, width, self._params.long_edge_px)
        people = self._decode(self._runtime(network_input(image, placement)))
        return [
            mask_out_of_frame(
                placement.to_image(points[:, :2]), points[:, 2].astype(np.float32), image, threshold, confidence
            )
            for points, confidence in people
        ]


def _module(checkpoint: Checkpoint) -> Any:
    from posemill.estimation.backends.openpifpaf.network import from_bytes

    return from_bytes(checkpoint.shell)
