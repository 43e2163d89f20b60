"""OpenPose as a pose backend: part affinity fields (Cao et al., 2017), decoded here; no code of OpenPose's own."""

from __future__ import annotations

from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.settings import Settings


def load(params: LabelParams) -> PoseBackend:
    """The backend with the weights and parameters of the label section; see weights.find_network."""
    from posemill.estimation.backends.openpose.backend import OpenPoseBackend
    from posemill.estimation.backends.openpose.weights import find_network

    return OpenPoseBackend(find_network(params, Settings.from_env().home / "cache" / "networks"), params)
