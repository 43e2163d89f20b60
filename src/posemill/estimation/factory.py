"""Pose backends by name, with what the parameters put around them.

From the inside out: the size of the input by that of the people, refinement in crops, test-time augmentation, then
rotation or ROI propagation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from posemill.errors import InputError
from posemill.estimation.registry import BackendEntry, find_backend, two_stages
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.params.tta import SmallPeopleParams
from posemill.pose.skeleton import COCO_17


def load_backend(name: str, params: LabelParams) -> PoseBackend:
    """Import and load the pose backend of that name, with what the parameters put around it.

    Raises:
        InputError: unknown name (the message lists the known ones), or ROI propagation with a backend that crops
            around people anyway.
        CheckpointError: no such checkpoint, or other bytes than `params.checkpoint_sha256` says.
    """
    entry = find_backend(name)
    load = partial(_two_stages, entry)
    if params.roi_propagation and not entry.propagates:
        if not entry.sizes:
            raise InputError(
                f"label.roi_propagation saves nothing with backend {name}, which crops around people anyway: "
                "set it to null"
            )
        from posemill.estimation.roi_propagation import RoiPropagatingBackend

        return RoiPropagatingBackend(partial(_rotated_fallback, load), params)
    if params.rotation_fallback_threshold and not entry.orients:
        from posemill.estimation.tta.rotating import RotatingBackend

        return RotatingBackend(partial(_augmented, load), params)
    return _augmented(load, params)


def _two_stages(entry: BackendEntry, params: LabelParams) -> PoseBackend:
    """The backend, at a longer edge too where people are small, and with a second network on crops around them."""
    finder = _by_size(entry, params)
    if not two_stages(entry.name, params.checkpoint, params.refine):
        return finder
    if entry.people != "many" or finder.skeleton.name != COCO_17.name:
        raise InputError(
            f"label.refine: movenet poses people of skeleton {COCO_17.name} whom a backend for many people finds, "
            f"not those of {entry.name}: set it to null"
        )
    from posemill.estimation.backends.movenet.refining import RefiningBackend
    from posemill.estimation.backends.movenet.single import EMBEDDED

    return RefiningBackend(EMBEDDED, finder, params)


def _by_size(entry: BackendEntry, params: LabelParams) -> PoseBackend:
    """The backend, at a longer edge too where people are small."""
    small_people = SmallPeopleParams() if params.small_people == "auto" else params.small_people
    asked = two_stages(entry.name, params.checkpoint, params.small_people)
    if small_people is None or not asked or params.tta.enabled or params.roi_propagation:
        return cast("PoseBackend", entry.load(params))
    if params.small_people == "auto" and params.long_edge_px >= small_people.long_edge_px:
        return cast("PoseBackend", entry.load(params))
    if not entry.sizes:
        raise InputError(f"label.small_people needs a backend with a size, which {entry.name} has not: set it to null")
    from posemill.estimation.tta.small_people import SmallPeopleBackend

    def load_at(long_edge_px: int) -> PoseBackend:
        return cast("PoseBackend", entry.load(params.model_copy(update={"long_edge_px": long_edge_px})))

    return SmallPeopleBackend(load_at, params.long_edge_px, small_people)


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
