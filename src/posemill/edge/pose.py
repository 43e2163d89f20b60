"""Pose networks of an exported folder: PoseNet, MoveNet, or PoseNet with MoveNet on a crop around each person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.edge.network import EdgeNetwork
from posemill.errors import CheckpointError
from posemill.estimation.backends.movenet.around import refined_people
from posemill.estimation.backends.movenet.decoder import Box, main_person, pose_in
from posemill.estimation.backends.posenet.people import people
from posemill.estimation.types import Image, Pose

NETWORKS = ("posenet", "movenet", "movenet-many")
PoseEstimate = Callable[[Image], list[Pose]]  # (H, W, 3) uint8 RGB → its people; may be called by several threads


@dataclass(frozen=True, slots=True)
class PoseDescription:
    """The pose section of edge.json: which network, and the thresholds of its decoder (see PoseSettings).

    posenet, movenet  file names in the folder; None = not there.
    multiple          sides of PoseNet's input are this much times n, and 1.
    """

    network: str
    long_edge_px: int
    instance_threshold: float
    keypoint_threshold: float
    seed_threshold: float
    posenet: str | None = None
    movenet: str | None = None
    multiple: int = 16

    @classmethod
    def of(cls, fields: dict[str, Any]) -> PoseDescription:
        """Read the section. Errors: CheckpointError where it does not fit this runtime."""
        try:
            described = cls(**fields)
        except TypeError as exc:
            raise CheckpointError(
                f"the pose section of edge.json does not fit this runtime ({exc}): export again"
            ) from exc
        if described.network not in NETWORKS:
            raise CheckpointError(
                f"edge.json: pose network is one of {', '.join(NETWORKS)}, came {described.network!r}"
            )
        return described


def open_pose_network(folder: Path, described: PoseDescription, threads: int) -> PoseEstimate:
    """Open the pose network of an exported folder, for so many threads. Errors: CheckpointError."""
    if described.network == "movenet":
        near = _movenet(folder, described, threads)
        return lambda image: main_person(image, near, described)
    everybody = _posenet(folder, described, threads)
    if described.network == "posenet":
        return everybody
    near = _movenet(folder, described, threads)
    threshold = described.keypoint_threshold
    return lambda image: refined_people(image, everybody(image), near, threshold)


def _posenet(folder: Path, described: PoseDescription, threads: int) -> PoseEstimate:
    network = EdgeNetwork(folder / str(described.posenet), threads)
    return lambda image: people(image, lambda picture: network(picture[None])[0], described, described.multiple)


def _movenet(
    folder: Path, described: PoseDescription, threads: int
) -> Callable[[NDArray[np.uint8], Box], NDArray[np.float32]]:
    network = EdgeNetwork(folder / str(described.movenet), threads)
    side = network.input_sides[0]
    return lambda image, box: pose_in(image, box, lambda square: network(square)[0], side)
