"""Markers as body points: joint angles of marker files without a model, where markers lie at the joints.

Names are those of Pose2Sim and Sports2D (RHip, LKnee, …) and of anatomy (acromion, epicondyle, malleolus, styloid); two
markers of one joint (medial and lateral) give its middle. Markers on the skin are not joint centres: with clusters on
thighs and shanks, fit a model instead (`opensim.inverse_kinematics`).
"""

from __future__ import annotations

import re

import numpy as np

from posemill.applications.mocap.files.tables import Floats, Markers
from posemill.applications.mocap.isb import spatial_angles
from posemill.applications.mocap.points import INDEX, POINTS
from posemill.errors import InputError

# part of a marker's name → joint
_JOINTS = (
    ("acromi", "shoulder"),
    ("shoulder", "shoulder"),
    ("epicond", "elbow"),
    ("elbow", "elbow"),
    ("styloid", "wrist"),
    ("wrist", "wrist"),
    ("hip", "hip"),
    ("knee", "knee"),
    ("malleol", "ankle"),
    ("ankle", "ankle"),
    ("heel", "heel"),
    ("bigtoe", "toe"),
    ("toetip", "toe"),
)
_SIDE = re.compile(r"^(?:(right|r)|(left|l))(?=[ ._-]|[A-Z])", re.IGNORECASE)


def marker_points(markers: Markers) -> Floats:
    """Body points (T, 18, 3) of markers, metres; NaN where no marker is.

    Errors: InputError where no marker lies at a known joint.
    """
    groups: dict[str, list[str]] = {}
    for name in markers.names:
        point = body_point_of(name)
        if point:
            groups.setdefault(point, []).append(name)
    if not groups:
        raise InputError(f"no marker lies at a known joint; there are {', '.join(markers.names)}")
    points = np.full((len(markers.time_s), len(POINTS), 3), np.nan)
    for point, names in groups.items():
        points[:, INDEX[point]] = np.mean([markers.of(name) for name in names], axis=0)
    return points


def marker_angles(markers: Markers) -> dict[str, Floats]:
    """Joint angles of markers, as `isb.spatial_angles` names them; those whose markers are there."""
    return spatial_angles(marker_points(markers))


def body_point_of(name: str) -> str | None:
    """Return the body point that a marker lies at, or None.

    Examples:
        >>> [body_point_of(name) for name in ("RKnee", "r_humerus_epicondyle", "L.Heel", "V.Sacral")]
        ['right_knee', 'right_elbow', 'left_heel', None]
    """
    match = _SIDE.match(name)
    if not match:
        return "nose" if name.lower() == "nose" else "head" if name.lower() == "head" else None
    side, rest = ("right" if match[1] else "left"), re.sub(r"[ ._-]", "", name[match.end() :].lower())
    joint = next((joint for part, joint in _JOINTS if part in rest), None)
    return f"{side}_{joint}" if joint else None
