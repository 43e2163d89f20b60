"""Many people with MoveNet: PoseNet finds everybody, then MoveNet runs on a crop around each of them.

Where MoveNet finds somebody else than the person of the crop, PoseNet's pose stays.
"""

from __future__ import annotations

from typing import Any

from posemill.estimation.backends.movenet.refining import RefiningBackend
from posemill.estimation.backends.movenet.single import EMBEDDED
from posemill.estimation.backends.posenet.backend import load as load_posenet
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.graph_file import find_graph_file
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams


def load(params: LabelParams) -> PoseBackend:
    """`params.checkpoint` is MoveNet's; PoseNet is the embedded one."""
    usual = {"checkpoint": LabelParams().checkpoint, "checkpoint_sha256": None, "keypoint_threshold": 0.0}
    return MoveNetManyBackend(find_graph_file(params, EMBEDDED), load_posenet(params.model_copy(update=usual)), params)


class MoveNetManyBackend(RefiningBackend):
    """See PoseBackend. All parameters but `keypoint_threshold` are PoseNet's."""

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
