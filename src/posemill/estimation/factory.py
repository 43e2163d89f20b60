"""Pose backends by name, with test-time augmentation or ROI propagation around them as the parameters ask."""

from __future__ import annotations

from posemill.errors import InputError
from posemill.estimation.registry import find_backend
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams


def load_backend(name: str, params: LabelParams) -> PoseBackend:
    """Import and load the pose backend of that name, with the augmentation of the parameters.

    Raises:
        InputError: unknown name (the message lists the known ones), or ROI propagation with a backend that crops
            around people anyway.
        CheckpointError: no such checkpoint, or other bytes than `params.checkpoint_sha256` says.
    """
    entry = find_backend(name)
    if params.tta.enabled:
        from posemill.estimation.tta.ensemble import with_tta

        return with_tta(entry.load, params)
    if params.roi_propagation and not entry.propagates:
        if not entry.sizes:
            raise InputError(
                f"label.roi_propagation saves nothing with backend {name}, which crops around people anyway: "
                "set it to null"
            )
        from posemill.estimation.roi_propagation import RoiPropagatingBackend

        return RoiPropagatingBackend(entry.load, params)
    backend: PoseBackend = entry.load(params)
    return backend
