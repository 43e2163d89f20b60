"""Many people with MoveNet: PoseNet finds everybody, then MoveNet runs on a crop around each of them.

Where MoveNet finds somebody else than the person of the crop, PoseNet's pose stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.movenet.single import EMBEDDED, Box, MoveNet
from posemill.estimation.backends.posenet.backend import load as load_posenet
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.runtimes.graph_file import GraphFile, find_graph_file
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17

MARGIN = 1.35  # side of the square over the longer side of a person: as in MoveNet's own crops, about
MIN_OKS = 0.3  # OKS from which MoveNet's person is the one of the crop
DOUBLE = 0.7  # OKS from which two poses are of one person


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
        return distinct([self._cropped(image, person) for person in people])

    def _cropped(self, image: NDArray[np.uint8], person: Pose) -> Pose:
        box = square_around(person.xy)
        xy, confidence = person.xy, person.confidence
        if box is not None:
            near = self._movenet.pose(image, box)
            if similar(near[:, :2], person.xy) > MIN_OKS:
                xy, confidence = near[:, :2], near[:, 2]
        return mask_out_of_frame(xy, confidence, image, self._params.keypoint_threshold, person.person_confidence)


def square_around(xy: NDArray[np.float32]) -> Box | None:
    """Return a square with a margin around the seen keypoints; None where they have no extent. xy (K, 2) pixels."""
    seen = xy[np.isfinite(xy).all(-1)]
    extent = float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
    if extent == 0:
        return None
    side = max(1, round(MARGIN * extent))
    left, top = np.floor((seen.min(0) + seen.max(0) - side) / 2).astype(int).tolist()
    return left, top, side


def similar(xy: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """OKS of two poses, (17, 2) pixels; 0 where nothing is seen of one."""
    return float(np.nan_to_num(oks(xy, other, box_area(other).astype(np.float32), COCO_17)))


def distinct(poses: list[Pose]) -> list[Pose]:
    """The most confident pose of everybody, the most confident person first."""
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda p: -p.person_confidence):
        if all(similar(pose.xy, other.xy) < DOUBLE for other in kept):
            kept.append(pose)
    return kept
