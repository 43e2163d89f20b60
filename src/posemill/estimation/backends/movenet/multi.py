"""Many people with MoveNet: PoseNet finds everybody, then MoveNet runs on a crop around each of them.

Where MoveNet finds somebody else than the person of the crop, PoseNet's pose stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.movenet.around import distinct, refined
from posemill.estimation.backends.movenet.single import EMBEDDED, MoveNet
from posemill.estimation.backends.posenet.backend import load as load_posenet
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.graph_file import GraphFile, find_graph_file
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17


def load(params: LabelParams) -> PoseBackend:
    """`params.checkpoint` is MoveNet's; PoseNet is the embedded one."""
    usual = {"checkpoint": LabelParams().checkpoint, "checkpoint_sha256": None, "keypoint_threshold": 0.0}
    return MoveNetManyBackend(find_graph_file(params, EMBEDDED), load_posenet(params.model_copy(update=usual)), params)


class MoveNetManyBackend(ThreadedBackend):
    """See PoseBackend. All parameters but `keypoint_threshold` are PoseNet's.

    So is a person's confidence: MoveNet gives keypoints even where nobody is.
    """

    skeleton = COCO_17

    def __init__(self, network: GraphFile, finder: PoseBackend, params: LabelParams) -> None:
        super().__init__(params.threads)
        self._network, self._finder, self._params = network, finder, params
        self._movenet = MoveNet(network.path, params)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {
            "backend": "movenet-many",
            "checkpoint": self._network.name,
            "checkpoint_sha256": self._network.sha256,
            "code": pose_code(__name__),
            "skeleton": self.skeleton.name,
            "finder": self._finder.describe(),
            "keypoint_threshold": self._params.keypoint_threshold,
        }

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        (people,) = self._finder.poses([image])
        threshold = self._params.keypoint_threshold
        return distinct([refined(image, person, self._movenet.pose, threshold) for person in people])
