"""Keypoint layouts of depth sensors, which see bodies in metres: Kinect's two versions, and OpenNI's tracker.

Kinect's first version has the middle of the hips, the spine and the middle of the shoulders where its successor has the
spine's base, its middle and its upper end; its maker gives them one meaning, so they have one name here.
"""

from __future__ import annotations

from itertools import pairwise

from posemill.pose.topology import Skeleton

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
_SIGMA = {
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,  # COCO's
    "spine_base": 0.107,
    "spine_mid": 0.107,
    "spine_shoulder": 0.079,
    "mid_neck": 0.079,
    "mid_head": 0.079,
    "hand": 0.062,
    "hand_tip": 0.062,
    "thumb_tip": 0.062,
    "foot": 0.08,
    "torso": 0.107,  # as their neighbours: no study
}


def _sensor(
    name: str, keypoints: tuple[str, ...], spine: tuple[str, ...], limbs: tuple[tuple[str, ...], ...]
) -> Skeleton:
    """Edges along the spine, and along the limbs of both sides, which may begin at a keypoint of the spine."""
    sided = [
        (a if a in spine else f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for limb in limbs
        for a, b in pairwise(limb)
    ]
    return Skeleton(
        name=name,
        keypoints=keypoints,
        edges=(*pairwise(spine), *sided),
        pairs=tuple((k, k.replace("left_", "right_")) for k in keypoints if k.startswith("left_")),
        sigmas=tuple(_SIGMA[k.removeprefix("left_").removeprefix("right_")] for k in keypoints),
    )


def _both(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for limb in parts for side in ("left", "right") for part in limb)


NTU_25 = _sensor(  # Kinect's second version, as NTU RGB+D has it
    "ntu-25",
    (
        "spine_base",
        "spine_mid",
        "mid_neck",
        "mid_head",
        *_both(_ARM, _LEG),
        "spine_shoulder",
        "left_hand_tip",
        "left_thumb_tip",
        "right_hand_tip",
        "right_thumb_tip",
    ),
    ("spine_base", "spine_mid", "spine_shoulder", "mid_neck", "mid_head"),
    (("spine_shoulder", *_ARM, "hand_tip"), ("hand", "thumb_tip"), ("spine_base", *_LEG)),
)

KINECT_20 = _sensor(  # Kinect's first version, in the order of its SDK: UTKinect, Northwestern-UCLA
    "kinect-20",
    ("spine_base", "spine_mid", "spine_shoulder", "mid_head", *_both(_ARM, _LEG)),
    ("spine_base", "spine_mid", "spine_shoulder", "mid_head"),
    (("spine_shoulder", *_ARM), ("spine_base", *_LEG)),
)

OPENNI_15 = _sensor(  # OpenNI's tracker, as SBU Kinect Interaction has it: the ends of its limbs are hands and feet
    "openni-15",
    ("mid_head", "mid_neck", "torso", *_both(("shoulder", "elbow", "hand"), ("hip", "knee", "foot"))),
    ("torso", "mid_neck", "mid_head"),
    (("mid_neck", "shoulder", "elbow", "hand"), ("torso", "hip", "knee", "foot")),
)
