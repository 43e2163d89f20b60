"""Pose backends by name, with test-time augmentation, rotation or ROI propagation around them as the parameters ask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from posemill.errors import InputError
from posemill.estimation.registry import find_backend
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams


def load_backend(name: str, params: LabelParams) -> PoseBackend:
    """Import and load the pose backend of that name, with what the parameters put around it.

    Raises:
        InputError: unknown name (the message lists the known ones), or ROI propagation with a backend that crops
            around people anyway.
        CheckpointError: no such checkpoint, or other bytes than `params.checkpoint_sha256` says.
    """
    entry, load = find_backend(name), find_backend(name).load
    if params.roi_propagation:
        if not entry.sizes:
            raise InputError(
                f"label.roi_propagation saves nothing with backend {name}, which crops around people anyway: "
                "set it to null"
            )
        from posemill.estimation.roi_propagation import RoiPropagatingBackend

        return RoiPropagatingBackend(partial(_rotated_fallback, load), params)
    if params.rotation_fallback_threshold:
        from posemill.estimation.tta.rotating import RotatingBackend

        return RotatingBackend(partial(_augmented, load), params)
    return _augmented(load, params)


def _augmented(load: Callable[[LabelParams], PoseBackend], params: LabelParams) -> PoseBackend:
    """The backend, with the test-time augmentation of the parameters."""
    if not params.tta.enabled:
        return load(params)
    from posemill.estimation.tta.ensemble import with_tta

    return with_tta(load, params)


def _rotated_fallback(load: Callable[[LabelParams], PoseBackend], params: LabelParams) -> PoseBackend:
    """The backend, with pictures rotated in which nobody is confident: a region is too small a saving for more."""
    if not params.rotation_fallback_threshold:
        return load(params)
    from posemill.estimation.tta.rotating import RotatedPictures

    return RotatedPictures(load(params), None, params.rotation_fallback_threshold, fallback=True)
