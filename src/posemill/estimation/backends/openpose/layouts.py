"""Channel layouts of OpenPose's body networks; a network's layout is known by their number.

Every layout: a heat map for each keypoint in the skeleton's order, one for the background, then part affinity fields,
two channels (x, y) for each limb, pointing from its first keypoint to its second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.pose.skeleton import BODY_25, MPII_15, OPENPOSE_18, Skeleton


@dataclass(frozen=True, slots=True)
class Layout:
    """A skeleton, and its limbs in the order of their fields."""

    skeleton: Skeleton
    limbs: tuple[tuple[str, str], ...]

    @property
    def channels(self) -> int:
        """Keypoints, background, x and y of every limb."""
        return len(self.skeleton) + 1 + 2 * len(self.limbs)

    @property
    def limb_index(self) -> NDArray[np.int64]:
        """(L, 2) int64: keypoints at both ends of every limb."""
        return np.array([[self.skeleton.index(a), self.skeleton.index(b)] for a, b in self.limbs])

    def split(self, fields: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(C, h, w) fields to heat maps (K, h, w) and affinity fields (L, 2, h, w); the background is left out."""
        keypoints = len(self.skeleton)
        return fields[:keypoints], fields[keypoints + 1 :].reshape(-1, 2, *fields.shape[1:])


_RIGHT_ARM = (("neck", "right_shoulder"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"))
_LEFT_ARM = (("neck", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"))
_RIGHT_LEG = (("right_hip", "right_knee"), ("right_knee", "right_ankle"))
_LEFT_LEG = (("left_hip", "left_knee"), ("left_knee", "left_ankle"))
_HEAD_AND_ARMS = (
    *_RIGHT_ARM,
    ("right_shoulder", "right_ear"),
    *_LEFT_ARM,
    ("left_shoulder", "left_ear"),
    ("neck", "nose"),
    ("nose", "right_eye"),
    ("nose", "left_eye"),
    ("right_eye", "right_ear"),
    ("left_eye", "left_ear"),
)

COCO_LAYOUT = Layout(
    OPENPOSE_18, (("neck", "right_hip"), *_RIGHT_LEG, ("neck", "left_hip"), *_LEFT_LEG, *_HEAD_AND_ARMS)
)
BODY_25_LAYOUT = Layout(
    BODY_25,
    (
        ("neck", "mid_hip"),
        *_RIGHT_LEG,
        ("mid_hip", "right_hip"),
        ("mid_hip", "left_hip"),
        *_LEFT_LEG,
        *_HEAD_AND_ARMS,
        ("left_ankle", "left_big_toe"),
        ("left_big_toe", "left_small_toe"),
        ("left_ankle", "left_heel"),
        ("right_ankle", "right_big_toe"),
        ("right_big_toe", "right_small_toe"),
        ("right_ankle", "right_heel"),
    ),
)
_FROM_UPPER_NECK = (("upper_neck", "right_shoulder"), *_RIGHT_ARM[1:], ("upper_neck", "left_shoulder"), *_LEFT_ARM[1:])
MPII_LAYOUT = Layout(
    MPII_15,
    (
        ("head_top", "upper_neck"),
        *_FROM_UPPER_NECK,
        ("upper_neck", "chest"),
        ("chest", "right_hip"),
        *_RIGHT_LEG,
        ("chest", "left_hip"),
        *_LEFT_LEG,
    ),
)
LAYOUTS = (COCO_LAYOUT, BODY_25_LAYOUT, MPII_LAYOUT)


def layout_of(channels: int) -> Layout:
    """The layout with that many channels; CheckpointError where none has."""
    for layout in LAYOUTS:
        if layout.channels == channels:
            return layout
    known = ", ".join(f"{layout.channels} ({layout.skeleton.name})" for layout in LAYOUTS)
    raise CheckpointError(f"the network gives {channels} channels; OpenPose's body networks give {known}")
