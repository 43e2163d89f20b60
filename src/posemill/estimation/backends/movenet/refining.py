"""Top-down refinement: the people that another backend found, each posed again by MoveNet in a crop.

A network that sees the whole picture finds people; one that sees a crop, in which the person always has the same size,
places keypoints better. Where MoveNet sees somebody else than the person of the crop, the finder's pose stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.movenet.around import refined_people
from posemill.estimation.backends.movenet.single import MoveNet
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.graph_file import GraphFile
from posemill.estimation.runtimes.graphs import RUNTIMES
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17


class RefiningBackend(ThreadedBackend):
    """See PoseBackend.

    A person's confidence is the finder's: MoveNet gives keypoints even where nobody is. A keypoint's is MoveNet's.

    network  the file of MoveNet.
    finder   finds people; its skeleton is COCO's.
    """

    skeleton = COCO_17

    def __init__(self, network: GraphFile, finder: PoseBackend, params: LabelParams) -> None:
        super().__init__(params.threads)
        self._network, self._finder, self._params = network, finder, params
        runtime = params.runtime if params.runtime in RUNTIMES else "openvino"  # all give the same keypoints
        self._movenet = MoveNet(network.path, params.model_copy(update={"runtime": runtime}))

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        network = {"checkpoint": self._network.name, "checkpoint_sha256": self._network.sha256}
        return {**self._finder.describe(), "refine": {**network, "code": pose_code(__name__)}}

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        (people,) = self._finder.poses([image])
        return refined_people(image, people, self._movenet.pose, self._params.keypoint_threshold)
