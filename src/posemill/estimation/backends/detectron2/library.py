"""Detectron2 itself as a pose backend, where a person has installed it (it is on no package index)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

CONFIG = "COCO-Keypoints/keypoint_rcnn_R_50_FPN_3x.yaml"


class Detectron2Library:
    """See PoseBackend. The library downloads its weights and scales pictures to `params.long_edge_px`."""

    skeleton = COCO_17

    def __init__(self, params: LabelParams) -> None:
        import detectron2
        from detectron2 import model_zoo
        from detectron2.engine import DefaultPredictor

        self._params, self._version = params, str(detectron2.__version__)
        config = model_zoo.get_config(CONFIG, trained=True)
        config.MODEL.DEVICE = "cpu"
        config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = params.instance_threshold
        config.INPUT.MIN_SIZE_TEST = config.INPUT.MAX_SIZE_TEST = params.long_edge_px
        self._weights = str(config.MODEL.WEIGHTS)
        self._predict = DefaultPredictor(config)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend. The weights are known by their address: the library keeps the file to itself."""
        return {
            "backend": "detectron2",
            "detectron2": self._version,
            "checkpoint": self._weights,
            "code": pose_code(__name__),
            "checkpoint_sha256": None,
            "skeleton": self.skeleton.name,
            "long_edge_px": self._params.long_edge_px,
            "instance_threshold": self._params.instance_threshold,
            "keypoint_threshold": self._params.keypoint_threshold,
        }

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend. The library takes BGR."""
        return [self._people(self._predict(np.ascontiguousarray(image[:, :, ::-1]))["instances"]) for image in images]

    def _people(self, found: Any) -> list[Pose]:
        keypoints = np.asarray(found.pred_keypoints.cpu(), np.float32)  # x, y, confidence
        scores = np.asarray(found.scores.cpu(), np.float32)
        return [self._pose(points, float(score)) for points, score in zip(keypoints, scores, strict=True)]

    def _pose(self, points: NDArray[np.float32], score: float) -> Pose:
        confidence = points[:, 2].clip(0, 1)
        seen = (confidence > 0) & (confidence >= self._params.keypoint_threshold)
        xy = np.where(seen[:, None], points[:, :2], np.float32("nan")).astype(np.float32)
        return Pose(xy, np.where(seen, confidence, np.float32(0)), score)
