"""MoveNet as a pose backend: the most confident and most central person of a picture, small and quick.

The published demonstration crops around the last frame's person. Here a picture is answered for itself, so that equal
pictures give equal poses whatever came before them and however a video is cut up: the network runs on the whole
picture, then on the crop around whom it found there, and the more confident of both poses is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.backends.movenet.decoder import HEADS, Box, main_person, pose_in
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes import graphs
from posemill.estimation.runtimes.graph_file import WEIGHTS, GraphFile, find_graph_file
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

EMBEDDED = GraphFile(
    "lightning", WEIGHTS / "movenet-lightning.onnx", "28ee33ff9c9a0adbb79d2d6ee57d96fb5bde2208802f4f1b045ed877c0a2aa4d"
)


def load(params: LabelParams) -> PoseBackend:
    """The backend with `lightning` (embedded), or a file that tools/convert_movenet.py wrote (Thunder)."""
    return MoveNetBackend(find_graph_file(params, EMBEDDED), params)


class MoveNet:
    """The network in a file, run on a square of a picture. May be used by `params.threads` threads at a time."""

    def __init__(self, path: Path, params: LabelParams) -> None:
        self._side = input_side(path)
        self._graph = graphs.open_graph(path, params.runtime, params.threads, params.precision)

    def pose(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Pose the most confident and central person in the square; see decoder.pose_in."""
        return pose_in(image, box, lambda square: self._graph(square)[0][0], self._side)


class MoveNetBackend(ThreadedBackend):
    """See PoseBackend: nobody or one person in each picture.

    The size of the input is the network's, so `long_edge_px` has no meaning here; nor have `force_complete`, since
    every keypoint is answered, and the seeds of OpenPifPaf.
    """

    skeleton = COCO_17

    def __init__(self, network: GraphFile, params: LabelParams, *, crops: bool = False) -> None:
        super().__init__(params.threads)
        self._network, self._params, self._crops = network, params, crops
        self._movenet = MoveNet(network.path, params)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "movenet",
            "checkpoint": self._network.name,
            "checkpoint_sha256": self._network.sha256,
            "code": pose_code(__name__),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
        }

    def for_crops(self) -> PoseBackend:
        """See CroppingBackend: the network runs once, since another crop would hardly be smaller."""
        return MoveNetBackend(self._network, self._params, crops=True)

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        return main_person(image, self._movenet.pose, self._params, self._crops)


def input_side(path: Path) -> int:
    """Pixels of the square picture that a MoveNet file takes; CheckpointError where it takes something else."""
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
        shapes = [[d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*graph.input, *graph.output)]
    except Exception as exc:  # a damaged file can raise anything
        raise CheckpointError(f"{path} is no ONNX file: {str(exc)[:200]}") from exc
    side = shapes[0][-1] if shapes and shapes[0] else 0
    if shapes != [[1, 3, side, side], [1, sum(HEADS), side // 4, side // 4]] or side == 0:
        raise CheckpointError(
            f"{path}: should take 1x3xSxS and give 1x{sum(HEADS)}xS/4xS/4 as tools/convert_movenet.py writes it, "
            f"has {shapes}"
        )
    return side
