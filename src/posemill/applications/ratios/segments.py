"""Segments of the body: their ends, usual lengths, and how they usually point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from posemill.applications.mocap.points import INDEX, Floats, middle


@dataclass(frozen=True, slots=True)
class Segment:
    """A rigid segment between two joint centres.

    first, second  joints of either side; of a width the same joint of both sides; of the trunk both middles.
    share          usual length as a share of standing height (Winter 2009; joint centres).
    spread         standard deviation of its logarithm among people, with what layouts of keypoints differ by.
    tilt_deg       how far it usually points out of the picture's plane on average, standard deviation.
    """

    first: str
    second: str
    share: float
    spread: float
    tilt_deg: float

    @property
    def sides(self) -> tuple[str, ...]:
        """`left` and `right`, or one empty name."""
        return ("",) if self.first == self.second or self.first == "mid_shoulder" else ("left", "right")


SEGMENTS: Mapping[str, Segment] = MappingProxyType(
    {
        "upper_arm": Segment("shoulder", "elbow", 0.184, 0.07, 25),
        "forearm": Segment("elbow", "wrist", 0.150, 0.07, 35),
        "thigh": Segment("hip", "knee", 0.244, 0.07, 20),
        "shank": Segment("knee", "ankle", 0.244, 0.07, 15),
        "trunk": Segment("mid_shoulder", "mid_hip", 0.286, 0.07, 15),
        "shoulder_width": Segment("shoulder", "shoulder", 0.218, 0.12, 90),
        "hip_width": Segment("hip", "hip", 0.113, 0.14, 90),
    }
)

# name → segments above and below the line; several are added
RATIOS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "upper_arm_to_forearm": (("upper_arm",), ("forearm",)),
        "thigh_to_shank": (("thigh",), ("shank",)),
        "trunk_to_leg": (("trunk",), ("thigh", "shank")),
        "shoulder_to_hip_width": (("shoulder_width",), ("hip_width",)),
    }
)
OF_HEIGHT = ("trunk", "thigh", "shank")
OF_HEIGHT_SHARE = 0.7795  # their sum over standing height: 6,068 people of ANSUR II, who differ by 1.2 %
OF_HEIGHT_SPREAD = 0.025  # with what keypoints of one network and another differ by


def vectors(points: Floats, segment: Segment, side: str) -> Floats:
    """Vectors (T, D) along a segment, from body points (T, 18, D); NaN where an end is not seen."""
    if segment.first == "mid_shoulder":
        return middle(points, "shoulder") - middle(points, "hip")
    if segment.first == segment.second:
        return np.asarray(points[:, INDEX[f"right_{segment.first}"]] - points[:, INDEX[f"left_{segment.first}"]])
    return np.asarray(points[:, INDEX[f"{side}_{segment.second}"]] - points[:, INDEX[f"{side}_{segment.first}"]])


def end_variance(segment: Segment) -> float:
    """Variance of a vector's component in variances of one joint's: two ends, of the trunk two middles."""
    return 1.0 if segment.first == "mid_shoulder" else 2.0
