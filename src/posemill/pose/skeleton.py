"""Skeletons by name, and conversion between them.

Edges and pairs are stored by name: index orders differ between systems (OpenPifPaf counts from 1, PYSKL
from 0, OpenPose uses another order), names do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.errors import SkeletonError
from posemill.pose.layouts import (
    BLAZEPOSE_33,
    BODY_12,
    BODY_25,
    COCO_17,
    H36M_17,
    JHMDB_15,
    MPII_15,
    OPENPOSE_18,
    PENN_13,
)
from posemill.pose.sensors import KINECT_20, NTU_25, OPENNI_15
from posemill.pose.topology import Skeleton

__all__ = [
    "BLAZEPOSE_33",
    "BODY_12",
    "BODY_25",
    "COCO_17",
    "H36M_17",
    "JHMDB_15",
    "KINECT_20",
    "MPII_15",
    "NTU_25",
    "OPENNI_15",
    "OPENPOSE_18",
    "PENN_13",
    "SKELETONS",
    "Skeleton",
    "conversion_index",
    "skeleton",
]

_ALL = (
    COCO_17,
    PENN_13,
    BODY_12,
    OPENPOSE_18,
    BODY_25,
    MPII_15,
    H36M_17,
    BLAZEPOSE_33,
    JHMDB_15,
    NTU_25,
    KINECT_20,
    OPENNI_15,
)
SKELETONS: Mapping[str, Skeleton] = MappingProxyType({s.name: s for s in _ALL})


def skeleton(name: str) -> Skeleton:
    """Return the skeleton of that name. Errors: SkeletonError for an unknown name, with the known ones.

    Examples:
        >>> len(skeleton("coco-17"))
        17
    """
    try:
        return SKELETONS[name]
    except KeyError:
        raise SkeletonError(f"unknown skeleton {name!r}; known are {', '.join(SKELETONS)}") from None


def conversion_index(source: Skeleton, target: Skeleton) -> NDArray[np.int64]:
    """Return (K_target,) int64: for every target keypoint its position in `source`.

    Errors: SkeletonError when the target has a keypoint that the source lacks, since it would be invented.
    """
    missing = [k for k in target.keypoints if k not in source.keypoints]
    if missing:
        raise SkeletonError(
            f"{source.name} cannot become {target.name}: it has no {', '.join(missing)}; "
            f"choose a skeleton whose keypoints it has, such as {BODY_12.name} (prepare.skeleton: auto "
            f"takes what the data has)"
        )
    return np.array([source.index(k) for k in target.keypoints], np.int64)
