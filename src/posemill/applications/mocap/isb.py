"""Joint angles in the terms of the International Society of Biomechanics (Wu 2002, 2005), from body points.

Segment frames have X forward, Y up and Z to the right. Angles are degrees; zero is standing upright with hanging arms
(elbows, knees straight; the foot at a right angle to the shank). Positive: flexion, dorsiflexion, adduction, inward
rotation, forward lean, to the right for bending and to the left for turning of the trunk.

Keypoints show the trunk as one segment: the pelvis is turned with the line of the hips and tilted with the trunk, so
`hip_flexion` is that of the thigh against the trunk. Rotations about a limb's own axis need the next joint bent by
20 degrees or more and are NaN otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from posemill.applications.mocap.points import SIDES, Floats, level_frame, middle, point, unit
from posemill.pose.angles import angle_between

ROTATION_FROM_DEG = 20.0
STRAIGHT_DEG = 15.0  # below this a joint may be bent the other way, or the angle is noise


def spatial_angles(points: Floats, pelvis: Floats | None = None) -> dict[str, Floats]:
    """Joint angles from body points (T, 18, 3), Y up; each (T,) degrees, NaN where a point is not seen.

    pelvis  (T, 3, 3) segment frame, where something better than hips and trunk is known, as markers do.
    """
    trunk_up, hips = middle(points, "shoulder") - middle(points, "hip"), _across(points, "hip")
    level = level_frame(hips, trunk_up) if pelvis is None else pelvis
    thorax = level_frame(_across(points, "shoulder"), trunk_up)
    angles = _trunk(points, level, thorax, trunk_up)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        angles |= _leg(points, level, side, sign) | _arm(points, thorax, side, sign)
    return {name: values for name, values in angles.items() if np.isfinite(values).any()}


def planar_angles(points: Floats, looks: Floats | None = None) -> dict[str, Floats]:
    """Joint angles of 2-D body points (T, 18, 2 or 3), y up, in the plane of the picture, as Sports2D has them.

    The sign of flexion follows the side that the person faces (see `facing`); seen from in front or behind, flexion of
    knees and elbows is counted positive, and the others as if the person faced right.

    looks  (T,) the side that the person faces, where it is known better than from these frames.
    """
    flat = np.asarray(points[..., :2])
    looks = facing(flat) if looks is None else looks
    trunk = middle(flat, "shoulder") - middle(flat, "hip")
    side_on = np.where(np.isnan(looks), 1.0, looks)
    angles = {"trunk_lean": side_on * _turn(np.array([0.0, 1.0]), trunk, clockwise=True)}
    head = point(flat, "head") - middle(flat, "shoulder")
    angles["neck_flexion"] = side_on * _turn(trunk, head, clockwise=True)
    for side in SIDES:
        thigh, shank, foot = (*_limb(flat, side, "hip", "knee", "ankle"), _foot(flat, side))
        upper, fore = _limb(flat, side, "shoulder", "elbow", "wrist")
        knee, elbow = _turn(thigh, shank, clockwise=True), _turn(upper, fore, clockwise=False)
        angles[f"hip_flexion_{side}"] = side_on * _turn(-trunk, thigh, clockwise=False)
        angles[f"knee_flexion_{side}"] = np.where(np.isnan(looks), np.abs(knee), side_on * knee)
        angles[f"ankle_dorsiflexion_{side}"] = side_on * _turn(shank, foot, clockwise=False) - 90
        angles[f"shoulder_flexion_{side}"] = _behind(side_on * _turn(-trunk, upper, clockwise=False))
        angles[f"elbow_flexion_{side}"] = np.where(np.isnan(looks), np.abs(elbow), side_on * elbow)
    return {name: values for name, values in angles.items() if np.isfinite(values).any()}


def facing(flat: Floats) -> Floats:
    """Direction (T,) that a person faces in 2-D: 1 = to the right, -1 = to the left, NaN = neither (front or back).

    From the direction of the feet, or of the nose from the ears, against the length of the trunk, over the whole track.
    """
    trunk = np.linalg.norm(middle(flat, "shoulder") - middle(flat, "hip"), axis=-1)
    size = np.nanmedian(trunk) if np.isfinite(trunk).any() else np.nan
    ahead = [(point(flat, f"{side}_toe") - point(flat, f"{side}_heel"))[:, 0] / (0.5 * size) for side in SIDES]
    ahead.append((point(flat, "nose") - point(flat, "head"))[:, 0] / (0.3 * size))
    stacked = np.stack(ahead)
    count = np.isfinite(stacked).sum()
    width = np.abs(_across(flat, "shoulder")[:, 0]) / size
    if not count or not np.isfinite(width).any():
        return np.full(len(flat), np.nan)
    direction = float(np.nanmedian(stacked))
    frontal = float(np.nanmedian(width)) > 0.6  # shoulders are about 0.75 trunks apart
    return np.full(len(flat), np.nan if abs(direction) < 0.15 or frontal else np.sign(direction))


def opensim_coordinates(angles: Mapping[str, Floats], points: Floats) -> dict[str, Floats]:
    """Rename angles to coordinates of OpenSim's full-body model (Rajagopal 2016), with its signs.

    points  (T, 18, 3) metres, for the position of the pelvis (tx, ty, tz) and its rotation (about Z, then X, then Y).
    The trunk being one segment, lumbar_extension is 0. Unknown rotations of hips and shoulders are NaN.
    """
    zero = np.zeros(len(points))
    trunk_up = middle(points, "shoulder") - middle(points, "hip")
    pelvis = level_frame(_across(points, "hip"), trunk_up)
    named = dict.fromkeys(("pelvis_tilt", "pelvis_list", "pelvis_rotation"), zero)
    if np.isfinite(pelvis).any():
        named["pelvis_tilt"] = _degrees(np.arctan2(-pelvis[:, 0, 1], pelvis[:, 1, 1]))
        named["pelvis_list"] = _degrees(np.arcsin(np.clip(pelvis[:, 2, 1], -1, 1)))
        named["pelvis_rotation"] = _degrees(np.arctan2(-pelvis[:, 2, 0], pelvis[:, 2, 2]))
    elif "trunk_lean" in angles:
        named["pelvis_tilt"] = -angles["trunk_lean"]
    root = middle(points, "hip")
    named |= {f"pelvis_t{axis}": root[:, number] for number, axis in enumerate("xyz")}
    for side in SIDES:
        for theirs, ours, sign in _OPENSIM:
            values = angles.get(f"{ours}_{side}")
            if values is not None:
                named[f"{theirs}_{side[0]}"] = sign * values
    named["lumbar_extension"] = zero
    named["lumbar_bending"] = angles.get("trunk_bending", zero)
    named["lumbar_rotation"] = angles.get("trunk_rotation", zero)
    return named


_OPENSIM = (
    ("hip_flexion", "hip_flexion", 1.0),
    ("hip_adduction", "hip_adduction", 1.0),
    ("hip_rotation", "hip_rotation", 1.0),
    ("knee_angle", "knee_flexion", 1.0),
    ("ankle_angle", "ankle_dorsiflexion", 1.0),
    ("arm_flex", "shoulder_flexion", 1.0),
    ("arm_add", "shoulder_abduction", -1.0),
    ("arm_rot", "shoulder_rotation", 1.0),
    ("elbow_flex", "elbow_flexion", 1.0),
)


def _across(points: Floats, joint: str) -> Floats:
    """From the left joint to the right one."""
    return np.asarray(point(points, f"right_{joint}") - point(points, f"left_{joint}"))


def _limb(points: Floats, side: str, first: str, second: str, third: str) -> tuple[Floats, Floats]:
    a, b, c = (point(points, f"{side}_{name}") for name in (first, second, third))
    return np.asarray(b - a), np.asarray(c - b)


def _foot(points: Floats, side: str) -> Floats:
    """Heel to toe."""
    return np.asarray(point(points, f"{side}_toe") - point(points, f"{side}_heel"))


def _trunk(points: Floats, pelvis: Floats, thorax: Floats, trunk_up: Floats) -> dict[str, Floats]:
    ahead, right = unit(pelvis[..., 0] * (1, 0, 1)), unit(pelvis[..., 2] * (1, 0, 1))
    up = unit(trunk_up)
    lean = _degrees(np.arctan2((up * ahead).sum(-1), up[..., 1]))
    between = np.swapaxes(pelvis, -1, -2) @ thorax
    neck = np.einsum("...ji,...j->...i", thorax, point(points, "head") - middle(points, "shoulder"))
    return {
        "trunk_lean": lean,
        "trunk_side_lean": _degrees(np.arctan2((up * right).sum(-1), up[..., 1])),
        "trunk_bending": _degrees(np.arcsin(np.clip(-between[..., 1, 2], -1, 1))),
        "trunk_rotation": _degrees(np.arctan2(between[..., 0, 2], between[..., 2, 2])),
        "pelvis_obliquity": _degrees(np.arcsin(np.clip(-pelvis[..., 1, 2], -1, 1))),
        "pelvis_rotation": _yaw(ahead),
        "neck_flexion": _degrees(np.arctan2(neck[..., 0], neck[..., 1])),
    }


def _yaw(ahead: Floats) -> Floats:
    """Direction of X in the horizontal plane, positive to the left, continuous over sightings."""
    angle = np.arctan2(-ahead[..., 2], ahead[..., 0])
    known = np.isfinite(angle)
    angle[known] = np.unwrap(angle[known])
    return _degrees(angle)


def _leg(points: Floats, pelvis: Floats, side: str, sign: float) -> dict[str, Floats]:
    thigh, shank = _limb(points, side, "hip", "knee", "ankle")
    flexion, adduction = _swing(thigh, pelvis, sign)
    return {
        f"hip_flexion_{side}": flexion,
        f"hip_adduction_{side}": adduction,
        f"hip_rotation_{side}": _rotation(thigh, shank, pelvis, -1.0, sign),
        f"knee_flexion_{side}": _bend(thigh, shank, -pelvis[..., 2]),
        f"ankle_dorsiflexion_{side}": 90 - angle_between(-shank, _foot(points, side)),
    }


def _arm(points: Floats, thorax: Floats, side: str, sign: float) -> dict[str, Floats]:
    upper, fore = _limb(points, side, "shoulder", "elbow", "wrist")
    along = np.einsum("...ji,...j->...i", thorax, unit(upper))
    flexion, adduction = _swing(upper, thorax, sign)
    elevation = _degrees(np.arccos(np.clip(-along[..., 1], -1, 1)))
    plane = _degrees(np.arctan2(along[..., 0], sign * along[..., 2]))  # 0 = abduction, 90 = forward flexion
    return {
        f"shoulder_flexion_{side}": flexion,
        f"shoulder_abduction_{side}": -adduction,
        f"shoulder_elevation_{side}": elevation,
        f"shoulder_plane_of_elevation_{side}": np.where(elevation > STRAIGHT_DEG, plane, np.nan),
        f"shoulder_rotation_{side}": _rotation(upper, fore, thorax, 1.0, sign),
        f"elbow_flexion_{side}": angle_between(upper, fore),
    }


def _swing(segment: Floats, parent: Floats, sign: float) -> tuple[Floats, Floats]:
    """Flexion about Z and adduction about X of a segment (T, 3) that hangs along -Y of its parent's frame."""
    along = np.einsum("...ji,...j->...i", parent, unit(segment))
    flexion = _behind(_degrees(np.arctan2(along[..., 0], -along[..., 1])))
    return flexion, _degrees(np.arcsin(np.clip(-sign * along[..., 2], -1, 1)))


def _behind(degrees: Floats) -> Floats:
    """Angles from -110 up to 250 degrees: a raised arm that goes behind the head stays beyond 180."""
    return np.where(degrees < -110, degrees + 360, degrees)


def _bend(upper: Floats, lower: Floats, axis: Floats) -> Floats:
    """Flexion of a hinge, 0 = straight; the nearer to straight, the more only the part about its axis counts."""
    angle = angle_between(upper, lower)
    along = (unit(np.cross(upper, lower)) * unit(axis)).sum(-1)
    bent = np.clip(angle / STRAIGHT_DEG, 0, 1) ** 2
    return np.asarray(angle * (bent + (1 - bent) * np.where(np.isnan(along), 1.0, along)))


def _rotation(upper: Floats, lower: Floats, parent: Floats, bends: float, sign: float) -> Floats:
    """Rotation of a limb about its own axis, inward positive, from the plane in which the next joint bends.

    bends  1 where the lower segment bends forward (elbow), -1 where it bends backward (knee).
    """
    along = np.einsum("...ji,...j->...i", parent, unit(upper))
    # the parent's frame after flexion and adduction only: Z X of the Cardan sequence Z X Y
    flexion = np.arctan2(along[..., 0], -along[..., 1])
    side = np.arcsin(np.clip(along[..., 2], -1, 1))
    forward = np.stack([np.cos(flexion), np.sin(flexion), np.zeros_like(flexion)], -1)
    up = -along
    right = np.cross(forward, up)
    low = np.einsum("...ji,...j->...i", parent, unit(lower))
    across = low - (low * along).sum(-1, keepdims=True) * along
    turned = np.arctan2((across * right).sum(-1) * bends, (across * forward).sum(-1) * bends)
    enough = (angle_between(upper, lower) >= ROTATION_FROM_DEG) & (np.abs(side) < np.radians(80))
    return np.where(enough, -sign * _degrees(turned), np.nan)


def _turn(first: Floats, second: Floats, *, clockwise: bool) -> Floats:
    """Signed angle (T,) from one 2-D vector to another, degrees, y up."""
    first = np.broadcast_to(first, second.shape)
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    angle = np.arctan2(cross, (first * second).sum(-1))
    return _degrees(-angle if clockwise else angle)


def _degrees(radians: Floats) -> Floats:
    return np.asarray(np.degrees(radians))
