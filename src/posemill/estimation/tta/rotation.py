"""Rotated views of a picture: networks trained on people who stand find those who lie in a picture turned a quarter.

A picture is posed as it is and rotated by 90, 180 and 270 degrees. Every person keeps the view in which the network is
most confident of them, so an upright bystander says nothing about who lies beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.postprocess import overlap
from posemill.estimation.tta.crops import crop_around, shifted
from posemill.estimation.types import Image, Pose, PoseBackend
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton

ORIENTATIONS = (0, 1, 2, 3)  # quarter turns
UPRIGHT_GAIN = 1.1  # a rotated view must be so much more confident of a person than the picture itself
MARGIN = 0.2  # of a person's longer side, on each side of a crop
MIN_CONFIDENCE = 0.2  # of a person in a rotated view; noise there would be people whom the picture does not show


@dataclass(frozen=True, slots=True, eq=False)
class OrientedPose:
    """A pose in pixels of the picture, and the view that shows it upright.

    quarter_turns  counterclockwise rotation 0..3 of the picture in which the network found the pose.
    """

    pose: Pose
    quarter_turns: int = 0

    @property
    def confidence(self) -> float:
        """Person confidence that is compared across views; the picture itself is preferred a little."""
        return self.pose.person_confidence * (1.0 if self.quarter_turns else UPRIGHT_GAIN)


def rotate_image(image: Image, quarter_turns: int) -> Image:
    """Rotate (H, W, 3) counterclockwise by quarter turns, as np.rot90 does; contiguous."""
    import cv2

    codes = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
    turns = quarter_turns % 4
    return np.asarray(cv2.rotate(image, codes[turns]), np.uint8) if turns else np.ascontiguousarray(image)


def to_upright(xy: NDArray[np.float32], quarter_turns: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Map (..., 2) pixels of a rotated view to pixels of the picture.

    Args:
        xy: pixels of the view.
        quarter_turns: counterclockwise rotation of the view.
        size: height and width of the picture.

    Examples:
        >>> to_upright(np.array([[0, 0]], np.float32), 1, (100, 200)).tolist()
        [[199.0, 0.0]]
    """
    x, y = xy[..., 0], xy[..., 1]
    height, width = size
    upright = {0: (x, y), 1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}
    return np.stack(upright[quarter_turns % 4], -1).astype(np.float32)


def from_view(poses: Sequence[Pose], quarter_turns: int, size: tuple[int, int]) -> list[OrientedPose]:
    """Poses of a rotated view in pixels of the picture, whose height and width are `size`.

    Those of too little confidence in a rotated view are left out.
    """
    sure = [p for p in poses if not quarter_turns or p.person_confidence >= MIN_CONFIDENCE]
    return [OrientedPose(replace(p, xy=to_upright(p.xy, quarter_turns, size)), quarter_turns) for p in sure]


def merge_orientations(people: Sequence[OrientedPose], threshold: float = 1.0) -> list[OrientedPose]:
    """Merge the poses of several views to people: where two views overlap, the more confident one stays.

    Poses of one view never suppress each other: its decoder has told these people apart already.

    Args:
        people: poses of all views, in pixels of the picture.
        threshold: person confidence from which an upright pose stays whatever the other views show.

    Returns:
        People, the most confident first.
    """
    kept: list[OrientedPose] = []
    for person in sorted(people, key=lambda p: (not _settled(p, threshold), -p.confidence)):
        if not any(person.quarter_turns != o.quarter_turns and overlap(person.pose, o.pose) for o in kept):
            kept.append(person)
    return sorted(kept, key=lambda p: -p.pose.person_confidence)


def pose_crops(
    backend: PoseBackend, images: Sequence[Image], poses: Sequence[Pose], turns: Sequence[int]
) -> list[list[OrientedPose]]:
    """Pose a square crop of every picture, around a pose and rotated by quarter turns; in pixels of the pictures."""
    cuts = [crop_around(pose, image, MARGIN) for pose, image in zip(poses, images, strict=True)]
    views = backend.poses([rotate_image(cut, by) for (_, cut), by in zip(cuts, turns, strict=True)])
    return [
        [replace(p, pose=shifted(p.pose, corner)) for p in from_view(view, by, (len(cut), len(cut)))]
        for view, (corner, cut), by in zip(views, cuts, turns, strict=True)
    ]


def agreement(pose: Pose, reference: Pose, skeleton: Skeleton) -> float:
    """OKS of a pose with another one, over the keypoints that both have; 0 where there is none."""
    both = np.where(np.isnan(pose.xy), np.float32("nan"), reference.xy)
    area = max(float(box_area(reference.xy)), 1.0)
    return float(np.nan_to_num(oks(pose.xy, both, area, skeleton)))


def _settled(person: OrientedPose, threshold: float) -> bool:
    return person.quarter_turns == 0 and person.pose.person_confidence >= threshold
