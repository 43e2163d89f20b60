"""Loading of BlazePose: every picture for itself, or with the squares of the frame before."""

from __future__ import annotations

from posemill.estimation.backends.blazepose.backend import BlazePoseBackend, require_openvino
from posemill.estimation.backends.blazepose.checkpoints import find_landmark_file
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams


def load(params: LabelParams) -> PoseBackend:
    """The backend with lite landmarks (embedded), full or heavy ones; see checkpoints.find_landmark_file."""
    require_openvino(params)
    if params.roi_propagation is not None:
        from posemill.estimation.backends.blazepose.propagation import BlazePosePropagation

        return BlazePosePropagation(_load, params)
    return _load(params)


def _load(params: LabelParams) -> BlazePoseBackend:
    return BlazePoseBackend(find_landmark_file(params), params)
