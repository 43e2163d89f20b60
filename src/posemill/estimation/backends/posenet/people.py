"""PoseNet on one picture: placed, run, decoded; whatever runs the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.posenet.decoder import DecodedPose, decode_many, decode_one
from posemill.estimation.backends.posenet.fields import read_fields
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.preprocess import Placement, network_input, place
from posemill.estimation.types import Pose, PoseSettings

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (H, W, 3) uint8 RGB → raw fields (115, h, w)


def people(image: NDArray[np.uint8], run: Run, settings: PoseSettings, multiple: int, one: bool = False) -> list[Pose]:
    """Pose everybody in a picture (H, W, 3) uint8 RGB.

    multiple  sides of the network's input are this much times n, and 1.
    one       only the hottest cell of every keypoint counts: one person, or none below `instance_threshold`.
    """
    height, width = image.shape[:2]
    placement = _fitting(place(height, width, settings.long_edge_px), multiple)
    raw = run(network_input(image, placement))
    fields = read_fields(raw, _stride(placement, raw))
    found = [decode_one(fields)] if one else decode_many(fields, settings.seed_threshold, settings.instance_threshold)
    sure = [person for person in found if person.person_confidence >= settings.instance_threshold]
    return [_pose(person, image, placement, settings.keypoint_threshold) for person in sure]


def _pose(person: DecodedPose, image: NDArray[np.uint8], placement: Placement, threshold: float) -> Pose:
    xy = placement.to_image(person.xy)
    return mask_out_of_frame(xy, person.confidence, image, threshold, person.person_confidence)


def _fitting(placement: Placement, multiple: int) -> Placement:
    """Networks of a coarser stride get sides that fit them: more padding, right and below."""
    height, width = (-(-(side - 1) // multiple) * multiple + 1 for side in placement.sides)
    return replace(placement, sides=(height, width))


def _stride(placement: Placement, raw: NDArray[np.float32]) -> int:
    """Pixels a cell: cells lie on both borders."""
    cells = max(1, int(raw.shape[2]) - 1)
    return round((placement.sides[1] - 1) / cells)
