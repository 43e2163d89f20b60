"""OpenPose as a pose backend: preprocessing, graph, decoder, poses in the picture's own pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.openpose import decoder, layouts
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.runtimes import graphs
from posemill.estimation.runtimes.graph_file import GraphFile
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams

STRIDE, MULTIPLE = 8, 16  # pixels of the input for a cell; sides that every pooling divides evenly
GREY = 128
_CODE = "posemill.estimation.backends.openpose"  # the package: its code that reads weights counts too


class OpenPoseBackend(ThreadedBackend):
    """See PoseBackend.

    The longer side becomes `params.long_edge_px`, rounded down to a multiple of 16. Keypoints that the picture does not
    show are not guessed, so `force_complete` has no meaning here; nor have the seeds of OpenPifPaf's decoder.
    """

    def __init__(self, network: GraphFile, params: LabelParams) -> None:
        super().__init__(params.threads)
        self._network, self._params = network, params
        self._graph = graphs.open_graph(network.path, params.runtime, params.threads, params.precision)
        (fields,) = self._graph(np.zeros((1, 3, 8 * MULTIPLE, 8 * MULTIPLE), np.float32))
        self._layout = layouts.layout_of(fields.shape[1])
        self.skeleton = self._layout.skeleton

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "openpose",
            "checkpoint": self._network.name,
            "checkpoint_sha256": self._network.sha256,
            "code": pose_code(_CODE),
            "runtime": params.runtime,
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
        }

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        picture, scale = network_input(image, self._params.long_edge_px)
        (fields,) = self._graph(picture)
        people = decoder.decode(fields[0], self._layout)
        people[..., :2] = ((people[..., :2] + 0.5) * STRIDE) / scale - 0.5  # middles of cells and of pixels
        poses = (
            mask_out_of_frame(person[:, :2], person[:, 2], image, self._params.keypoint_threshold) for person in people
        )
        return [pose for pose in poses if pose.person_confidence >= self._params.instance_threshold]


def network_input(image: NDArray[np.uint8], long_edge_px: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(H, W, 3) uint8 RGB to (1, 3, sides) float32 BGR 0..255, grey on the right and below; (2,) scale in x and y."""
    import cv2

    height, width = image.shape[:2]
    factor = long_edge_px // MULTIPLE * MULTIPLE / max(height, width)
    inner = max(1, round(height * factor)), max(1, round(width * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(image, (inner[1], inner[0]), interpolation=way)
    sides = (-(-side // MULTIPLE) * MULTIPLE for side in inner)
    picture = np.full((1, 3, *sides), GREY, np.float32)
    picture[0, :, : inner[0], : inner[1]] = resized[:, :, ::-1].transpose(2, 0, 1)
    return picture, np.array([inner[1] / width, inner[0] / height])
