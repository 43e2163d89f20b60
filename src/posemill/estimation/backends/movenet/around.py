"""MoveNet on a crop around each person that another network found."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.movenet.decoder import Box, PoseIn
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.types import Pose
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17

MARGIN = 1.35  # side of the square over the longer side of a person: as in MoveNet's own crops, about
MIN_OKS = 0.2  # OKS from which MoveNet's person is the one of the crop
DOUBLE = 0.7  # OKS from which two poses are of one person
MIN_CONFIDENCE = 0.2  # of a person who is worth a crop; those below are patterns of the background, mostly


def refined_people(
    image: NDArray[np.uint8], people: Iterable[Pose], pose: PoseIn, keypoint_threshold: float
) -> list[Pose]:
    """Return MoveNet's pose of everybody whom another network found, the most confident person first."""
    pairs = []
    for person in people:
        worth = person.person_confidence >= MIN_CONFIDENCE
        pairs.append((person, refined(image, person, pose, keypoint_threshold) if worth else person))
    return distinct(pairs)


def refined(image: NDArray[np.uint8], person: Pose, pose: PoseIn, keypoint_threshold: float) -> Pose:
    """Return MoveNet's pose of a person; where it finds somebody else than the person of the crop, theirs stays."""
    box = square_around(person.xy)
    xy, confidence = person.xy, person.confidence
    if box is not None:
        near = pose(image, box)
        if similar(near[:, :2], person.xy) > MIN_OKS:
            xy, confidence = near[:, :2], near[:, 2]
    return mask_out_of_frame(xy, confidence, image, keypoint_threshold, person.person_confidence)


def square_around(xy: NDArray[np.float32]) -> Box | None:
    """Return a square with a margin around the seen keypoints; None where they have no extent. xy (K, 2) pixels."""
    seen = xy[np.isfinite(xy).all(-1)]
    extent = float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
    if extent == 0:
        return None
    side = max(1, round(MARGIN * extent))
    left, top = np.floor((seen.min(0) + seen.max(0) - side) / 2).astype(int).tolist()
    return left, top, side


def similar(xy: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """OKS of two poses, (17, 2) pixels; 0 where nothing is seen of one."""
    return float(np.nan_to_num(oks(xy, other, box_area(other).astype(np.float32), COCO_17)))


def distinct(people: Iterable[tuple[Pose, Pose]]) -> list[Pose]:
    """The refined pose of everybody, the most confident person first. people: pose of the finder, refined pose.

    Where people hide each other MoveNet may see one of them in the crops of both: the less confident one keeps the
    finder's pose, or is dropped if that is the other's too.
    """
    kept: list[Pose] = []
    for found, near in sorted(people, key=lambda pair: -pair[0].person_confidence):
        own = next((pose for pose in (near, found) if all(similar(pose.xy, k.xy) < DOUBLE for k in kept)), None)
        if own is not None:
            kept.append(own)
    return kept
