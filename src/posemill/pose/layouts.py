"""Keypoint layouts as data: those that pose networks give and that data sets annotate.

A landmark has one name everywhere, and two landmarks never share one: OpenPose's neck is the middle of the shoulders,
MPII's is where the neck meets the head, so they are called `neck` and `upper_neck`.
"""

from __future__ import annotations

from posemill.pose.topology import Skeleton

_SIDES = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY = tuple(f"{side}_{part}" for part in _SIDES for side in ("left", "right"))
_BODY_PAIRS = tuple((f"left_{part}", f"right_{part}") for part in _SIDES)
_BODY_SIGMAS = tuple(s for s in (0.079, 0.072, 0.062, 0.107, 0.087, 0.089) for _ in range(2))
_LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
)
_TRUNK = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))

COCO_17 = Skeleton(
    name="coco-17",
    keypoints=("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_BODY),
    edges=(
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("nose", "left_shoulder"),
        ("nose", "right_shoulder"),
        *_LIMBS,
        *_TRUNK,
    ),
    pairs=(("left_eye", "right_eye"), ("left_ear", "right_ear"), *_BODY_PAIRS),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, *_BODY_SIGMAS),
)

PENN_13 = Skeleton(
    name="penn-13",
    keypoints=("head", *_BODY),
    edges=(("head", "left_shoulder"), ("head", "right_shoulder"), *_LIMBS, *_TRUNK),
    pairs=_BODY_PAIRS,
    sigmas=(0.079, *_BODY_SIGMAS),
)

BODY_12 = Skeleton(name="body-12", keypoints=_BODY, edges=(*_LIMBS, *_TRUNK), pairs=_BODY_PAIRS, sigmas=_BODY_SIGMAS)

_FACE_PAIRS = (("left_eye", "right_eye"), ("left_ear", "right_ear"))
_FACE_EDGES = (("nose", "right_eye"), ("right_eye", "right_ear"), ("nose", "left_eye"), ("left_eye", "left_ear"))
_ARM_AND_LEG = tuple((a, b) for a, b in _LIMBS if "hip" not in b)
_RIGHT_ARM, _LEFT_ARM, _RIGHT_LEG, _LEFT_LEG = (
    tuple(f"{side}_{part}" for part in parts) for parts in (_SIDES[:3], _SIDES[3:]) for side in ("right", "left")
)
_SIGMA = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,  # COCO's, the same as above
    "neck": 0.079,
    "head_top": 0.079,
    "upper_neck": 0.079,  # CrowdPose's
    "big_toe": 0.08,
    "small_toe": 0.08,
    "heel": 0.08,
    "foot_index": 0.08,  # the middle of COCO-WholeBody's two sides
    "mid_hip": 0.107,
    "chest": 0.107,
    "pelvis": 0.107,
    "spine": 0.107,
    "thorax": 0.079,  # as their neighbours: no study
    "eye_inner": 0.025,
    "eye_outer": 0.025,
    "mouth": 0.026,
    "pinky": 0.035,
    "index": 0.035,
    "thumb": 0.035,
    "throat": 0.079,
    "belly": 0.107,
    "face": 0.079,  # JHMDB's: as their neighbours too
}


def _sigmas(keypoints: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(_SIGMA[name.removeprefix("left_").removeprefix("right_")] for name in keypoints)


_OPENPOSE_18 = (
    "nose",
    "neck",
    *_RIGHT_ARM,
    *_LEFT_ARM,
    *_RIGHT_LEG,
    *_LEFT_LEG,
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
OPENPOSE_18 = Skeleton(
    name="openpose-18",
    keypoints=_OPENPOSE_18,
    edges=(
        ("neck", "right_shoulder"),
        ("neck", "left_shoulder"),
        ("neck", "right_hip"),
        ("neck", "left_hip"),
        ("neck", "nose"),
        *_FACE_EDGES,
        *_ARM_AND_LEG,
    ),
    pairs=(*_FACE_PAIRS, *_BODY_PAIRS),
    sigmas=_sigmas(_OPENPOSE_18),
)

_FOOT = ("big_toe", "small_toe", "heel")
_BODY_25 = (
    "nose",
    "neck",
    *_RIGHT_ARM,
    *_LEFT_ARM,
    "mid_hip",
    *_RIGHT_LEG,
    *_LEFT_LEG,
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
    *(f"{side}_{part}" for side in ("left", "right") for part in _FOOT),
)
BODY_25 = Skeleton(
    name="body-25",
    keypoints=_BODY_25,
    edges=(
        ("neck", "mid_hip"),
        ("neck", "right_shoulder"),
        ("neck", "left_shoulder"),
        ("mid_hip", "right_hip"),
        ("mid_hip", "left_hip"),
        ("neck", "nose"),
        *_FACE_EDGES,
        *_ARM_AND_LEG,
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (("ankle", "big_toe"), ("big_toe", "small_toe"), ("ankle", "heel"))
        ),
    ),
    pairs=(*_FACE_PAIRS, *_BODY_PAIRS, *((f"left_{part}", f"right_{part}") for part in _FOOT)),
    sigmas=_sigmas(_BODY_25),
)

_MPII_15 = ("head_top", "upper_neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, "chest")
MPII_15 = Skeleton(  # OpenPose's MPI layout: its chest is halfway between MPII's thorax and pelvis
    name="mpii-15",
    keypoints=_MPII_15,
    edges=(
        ("upper_neck", "head_top"),
        ("upper_neck", "right_shoulder"),
        ("upper_neck", "left_shoulder"),
        ("upper_neck", "chest"),
        ("chest", "right_hip"),
        ("chest", "left_hip"),
        *_ARM_AND_LEG,
    ),
    pairs=_BODY_PAIRS,
    sigmas=_sigmas(_MPII_15),
)

_H36M_17 = (
    "pelvis",
    *_RIGHT_LEG,
    *_LEFT_LEG,
    "spine",
    "thorax",
    "nose",
    "head_top",
    *_LEFT_ARM,
    *_RIGHT_ARM,
)
H36M_17 = Skeleton(
    name="h36m-17",
    keypoints=_H36M_17,
    edges=(
        ("pelvis", "right_hip"),
        ("pelvis", "left_hip"),
        ("pelvis", "spine"),
        ("spine", "thorax"),
        ("thorax", "nose"),
        ("nose", "head_top"),
        ("thorax", "left_shoulder"),
        ("thorax", "right_shoulder"),
        *_ARM_AND_LEG,
    ),
    pairs=_BODY_PAIRS,
    sigmas=_sigmas(_H36M_17),
)

_HAND = ("pinky", "index", "thumb")
_BLAZEPOSE_33 = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "left_mouth",
    "right_mouth",
    *(
        f"{side}_{part}"
        for part in (*_SIDES[:3], *_HAND, *_SIDES[3:], "heel", "foot_index")
        for side in ("left", "right")
    ),
)
BLAZEPOSE_33 = Skeleton(
    name="blazepose-33",
    keypoints=_BLAZEPOSE_33,
    edges=(
        ("left_mouth", "right_mouth"),
        *_TRUNK,
        *_LIMBS,
        *(
            (f"{side}_{a}" if a != "nose" else a, f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (
                ("nose", "shoulder"),
                ("nose", "mouth"),
                ("nose", "eye_inner"),
                ("eye_inner", "eye"),
                ("eye", "eye_outer"),
                ("eye_outer", "ear"),
                ("wrist", "pinky"),
                ("wrist", "index"),
                ("wrist", "thumb"),
                ("pinky", "index"),
                ("ankle", "heel"),
                ("heel", "foot_index"),
                ("ankle", "foot_index"),
            )
        ),
    ),
    pairs=tuple((name, name.replace("left_", "right_")) for name in _BLAZEPOSE_33 if name.startswith("left_")),
    sigmas=_sigmas(_BLAZEPOSE_33),
)

_JHMDB_15 = (
    "throat",
    "belly",
    "face",
    *(
        f"{side}_{part}"
        for part in ("shoulder", "hip", "elbow", "knee", "wrist", "ankle")
        for side in ("right", "left")
    ),
)
JHMDB_15 = Skeleton(  # joints of the puppet that annotators laid over the person: they are there when hidden too
    name="jhmdb-15",
    keypoints=_JHMDB_15,
    edges=(
        ("throat", "face"),
        ("throat", "belly"),
        ("throat", "right_shoulder"),
        ("throat", "left_shoulder"),
        ("belly", "right_hip"),
        ("belly", "left_hip"),
        *_ARM_AND_LEG,
    ),
    pairs=_BODY_PAIRS,
    sigmas=_sigmas(_JHMDB_15),
)
