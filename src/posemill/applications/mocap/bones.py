"""Capture as a BVH hierarchy: a T-pose of the person's own bone lengths, and the rotations of every joint.

Rest pose: Y up, facing +Z, the left side at +X, in centimetres, as animation tools expect. World axes are those of the
capture. What is not seen is bridged and held at the ends, since BVH has no missing values.
"""

from __future__ import annotations

import numpy as np

from posemill.applications.mocap.capture import Capture
from posemill.applications.mocap.files.bvh import END, BvhMotion, Hierarchy, zxy_degrees
from posemill.applications.mocap.points import INDEX, SIDES, Floats, middle, unit
from posemill.applications.mocap.rigid import rigid
from posemill.errors import InputError
from posemill.pose.gaps import fill_in_time

CM = 100.0
_X, _Y, _Z = np.eye(3)
_ROTATION = ("Zrotation", "Xrotation", "Yrotation")


def bvh_motion(capture: Capture) -> BvhMotion:
    """Convert a capture to a BVH hierarchy and its motion.

    Errors: InputError where the hips or shoulders were never seen.
    """
    points = _filled(capture)
    body, lengths = rigid(points)
    left = _left(body, "hip"), _left(body, "shoulder")
    trunk = unit(middle(body, "shoulder") - middle(body, "hip"))
    world: dict[str, Floats] = {
        "Hips": _aligned(_X, left[0], _Y, trunk),
        "Spine": _aligned(_Y, trunk, _X, left[1]),
        "Chest": _aligned(_X, left[1], _Y, trunk),
    }
    tree = [
        ("Hips", "", np.zeros(3)),
        ("Spine", "Hips", np.zeros(3)),
        ("Chest", "Spine", lengths["trunk"] * _Y),
    ]
    if lengths.get("head"):
        head = unit(body[:, INDEX["head"]] - middle(body, "shoulder"))
        world["Neck"] = _aligned(_Y, head, _X, left[1])
        tree += [("Neck", "Chest", np.zeros(3)), ("Neck" + END, "Neck", lengths["head"] * _Y)]
    for side in SIDES:
        tree += _arm(body, lengths, world, side) + _leg(body, lengths, world, side)
    return _motion(tree, world, middle(body, "hip"), capture)


def _arm(body: Floats, lengths: dict[str, float], world: dict[str, Floats], side: str) -> list[tuple[str, str, Floats]]:
    sign, name = (1.0, "Left") if side == "left" else (-1.0, "Right")
    shoulder, elbow, wrist = (body[:, INDEX[f"{side}_{joint}"]] for joint in ("shoulder", "elbow", "wrist"))
    upper, fore = unit(elbow - shoulder), unit(wrist - elbow)
    ahead = _bend_direction(upper, fore, world["Chest"][..., 2])  # towards it the elbow bends
    world[f"{name}Arm"] = _aligned(sign * _X, upper, _Z, ahead)
    world[f"{name}ForeArm"] = _aligned(sign * _X, fore, _Z, ahead)
    return [
        (f"{name}Arm", "Chest", sign * lengths["half_shoulder"] * _X),
        (f"{name}ForeArm", f"{name}Arm", sign * lengths[f"{side}_elbow"] * _X),
        (f"{name}ForeArm{END}", f"{name}ForeArm", sign * lengths[f"{side}_wrist"] * _X),
    ]


def _leg(body: Floats, lengths: dict[str, float], world: dict[str, Floats], side: str) -> list[tuple[str, str, Floats]]:
    sign, name = (1.0, "Left") if side == "left" else (-1.0, "Right")
    hip, knee, ankle, toe = (body[:, INDEX[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle", "toe"))
    thigh, shank, foot = unit(knee - hip), unit(ankle - knee), unit(toe - ankle)
    ahead = -_bend_direction(thigh, shank, -world["Hips"][..., 2])
    world[f"{name}UpLeg"] = _aligned(-_Y, thigh, _Z, ahead)
    world[f"{name}Leg"] = _aligned(-_Y, shank, _Z, ahead)
    tree = [
        (f"{name}UpLeg", "Hips", sign * lengths["half_hip"] * _X),
        (f"{name}Leg", f"{name}UpLeg", -lengths[f"{side}_knee"] * _Y),
    ]
    end = -lengths[f"{side}_ankle"] * _Y
    if not lengths[f"{side}_toe"]:
        return [*tree, (f"{name}Leg{END}", f"{name}Leg", end)]
    world[f"{name}Foot"] = _aligned(_Z, foot, _Y, -shank)
    tree += [(f"{name}Foot", f"{name}Leg", end)]
    return [*tree, (f"{name}Foot{END}", f"{name}Foot", lengths[f"{side}_toe"] * _Z)]


def _motion(tree: list[tuple[str, str, Floats]], world: dict[str, Floats], root: Floats, capture: Capture) -> BvhMotion:
    numbers = {name: number for number, (name, _, _) in enumerate(tree)}
    columns = [root * CM]
    for name, parent, _ in tree:
        if name in world:
            turn = world[name] if not parent else np.swapaxes(world[parent], -1, -2) @ world[name]
            columns.append(zxy_degrees(turn))
    channels = dict.fromkeys(world, _ROTATION) | {"Hips": ("Xposition", "Yposition", "Zposition", *_ROTATION)}
    hierarchy = Hierarchy(
        names=tuple(numbers),
        parents=tuple(numbers.get(parent, -1) for _, parent, _ in tree),
        offsets=np.array([offset * CM for _, _, offset in tree]),
        channels=tuple(channels.get(name, ()) for name in numbers),
    )
    return BvhMotion(hierarchy, np.concatenate(columns, -1), 1 / capture.rate_hz)


def _filled(capture: Capture) -> Floats:
    """Points without gaps; a planar capture gets its sides a hand's breadth apart, so that hips and shoulders exist."""
    points = np.asarray(fill_in_time(capture.points[None].astype(np.float32))[0], np.float64)
    for joint in ("hip", "shoulder"):
        if np.isnan(points[:, INDEX[f"left_{joint}"]]).any():
            raise InputError(f"person {capture.person}: BVH needs the {joint}s, which were never seen")
    for side in SIDES:  # a limb that is never seen hangs down without length
        for outer, inner in (
            ("elbow", "shoulder"),
            ("wrist", "elbow"),
            ("knee", "hip"),
            ("ankle", "knee"),
        ):
            place, before = INDEX[f"{side}_{outer}"], INDEX[f"{side}_{inner}"]
            unseen = np.isnan(points[:, place]).any(-1)
            points[unseen, place] = points[unseen, before] - 1e-6 * _Y
    return points


def _left(body: Floats, joint: str) -> Floats:
    return unit(body[:, INDEX[f"left_{joint}"]] - body[:, INDEX[f"right_{joint}"]])


def _bend_direction(upper: Floats, lower: Floats, otherwise: Floats) -> Floats:
    """Direction (T, 3) across the upper bone towards which the joint bends; of a straight one, `otherwise`."""
    across = lower - (lower * upper).sum(-1, keepdims=True) * upper
    weight = np.clip((np.linalg.norm(across, axis=-1, keepdims=True) - 0.05) / 0.15, 0, 1)
    level = otherwise - (otherwise * upper).sum(-1, keepdims=True) * upper
    mixed = weight * across + (1 - weight) * 0.3 * level
    small = np.linalg.norm(mixed, axis=-1, keepdims=True) < 1e-6
    return unit(np.where(small, np.cross(upper, _X + 0.1 * _Z), mixed))


def _aligned(main: Floats, main_to: Floats, second: Floats, second_to: Floats) -> Floats:
    """Rotations (T, 3, 3) that take `main` exactly to main_to (T, 3) and `second` as near as that leaves it."""

    def basis(first: Floats, other: Floats) -> Floats:
        a = unit(first)
        c = np.cross(a, other)
        none = np.linalg.norm(c, axis=-1, keepdims=True) < 1e-6
        c = unit(np.where(none, np.cross(a, other + np.array([0.1, 0.2, 0.3])), c))
        return np.stack([a, np.cross(c, a), c], -1)

    return np.asarray(basis(main_to, second_to) @ basis(main, second).T)
