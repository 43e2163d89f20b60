"""Many people with BlazePose: its detector finds those in front, PoseNet the others, landmarks pose a square of each.

The detector sees faces in a picture of 224 pixels; in a crowd, or far away, PoseNet finds twice as many people.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.backend import BlazePoseBackend, distinct, require_openvino
from posemill.estimation.backends.blazepose.checkpoints import find_landmark_file
from posemill.estimation.backends.blazepose.landmarks import Landmarks
from posemill.estimation.backends.blazepose.roi import Roi
from posemill.estimation.backends.posenet.backend import load as load_posenet
from posemill.estimation.runtimes.graph_file import GraphFile
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17

FOUND = 0.3  # OKS from which PoseNet's person has landmarks already
SURE = 0.2  # confidence of keypoints that the square must hold
REACH = 1.15  # radius of the body's circle over the farthest keypoint from the hips: the head's top, the feet
TORSOS = 1.9  # the least radius, in lengths of the trunk
MIN_TRUNK_PX = 2.0
_COMMON = [BLAZEPOSE_33.index(name) for name in COCO_17.keypoints]


def load(params: LabelParams) -> PoseBackend:
    """`params.checkpoint` is of the landmarks; PoseNet is the embedded one."""
    require_openvino(params)
    if params.roi_propagation is not None:
        from posemill.estimation.backends.blazepose.propagation import BlazePosePropagation

        return BlazePosePropagation(_load, params)
    return _load(params)


def _load(params: LabelParams) -> BlazePoseBackend:
    usual = {"checkpoint": LabelParams().checkpoint, "checkpoint_sha256": None, "keypoint_threshold": 0.0}
    finder = load_posenet(params.model_copy(update=usual))
    return BlazePoseManyBackend(find_landmark_file(params), finder, params)


class BlazePoseManyBackend(BlazePoseBackend):
    """See PoseBackend and BlazePoseBackend. `long_edge_px` and `instance_threshold` are PoseNet's too."""

    name = "blazepose-many"
    modules = (__name__,)

    def __init__(self, file: GraphFile, finder: PoseBackend, params: LabelParams) -> None:
        super().__init__(file, params)
        self._finder = finder

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {**super().describe(), "finder": self._finder.describe()}

    def people(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """See BlazePoseBackend: those whom its detector finds come first."""
        people = super().people(image)
        (found,) = self._finder.poses([image])
        regions = [roi_around(pose) for pose in found if not _is_known(pose, people)]
        return distinct([*people, *self.present(image, [roi for roi in regions if roi is not None])])

    def _window_edge_px(self) -> int:
        return 0


def roi_around(pose: Pose) -> Roi | None:
    """Return the square around a COCO pose, its trunk upright; None where hips or shoulders are not seen."""
    hips, shoulders = (
        pose.xy[[COCO_17.index(f"{side}_{part}") for side in ("left", "right")]].mean(0) for part in ("hip", "shoulder")
    )
    trunk = shoulders - hips
    length = float(np.linalg.norm(trunk))
    if not length >= MIN_TRUNK_PX:  # NaN too
        return None
    away = np.linalg.norm(pose.xy - hips, axis=-1)[pose.confidence >= SURE]
    radius = max(REACH * float(away.max(initial=0.0)), TORSOS * length)
    return Roi.from_alignment(hips, hips + trunk / np.float32(length) * np.float32(radius))


def _is_known(pose: Pose, people: list[Landmarks]) -> bool:
    area = max(float(box_area(pose.xy)), 1.0)
    return any(np.nan_to_num(oks(person.xy[_COMMON], pose.xy, area, COCO_17)) >= FOUND for person in people)
