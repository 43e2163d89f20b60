"""A body in three dimensions: its measures, and where its joints are when it moves.

World: metres, y up, the floor at y = 0. The body faces +z, its left is +x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.pose.skeleton import COCO_17
from posemill.synth.motion import SIDES, Ground, Motion
from posemill.synth.rotation import Floats, about, turn

# places on the head, in heights of the body from the head's centre (x outward); faces of the keypoints
FACE = {"nose": (0.0, -0.010, 0.062), "eye": (0.0185, 0.008, 0.050), "ear": (0.0455, 0.0, -0.004)}
SIGNS = {"left": 1.0, "right": -1.0}


@dataclass(frozen=True, slots=True)
class Body:
    """Measures of one subject, in metres. `girth` multiplies every thickness."""

    height: float
    upper_arm: float
    forearm: float
    thigh: float
    shank: float
    trunk: float
    shoulder: float  # half the distance of the shoulder joints
    hip: float
    head: float  # size of the head relative to the usual one
    girth: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Body:
        """A body with usual human proportions, every one of them a few per cent off."""
        height = rng.uniform(1.52, 1.95)

        def near(share: float, spread: float = 0.035) -> float:
            return height * share * rng.normal(1, spread)

        return cls(
            height=height,
            upper_arm=near(0.178),
            forearm=near(0.150),
            thigh=near(0.243),
            shank=near(0.242),
            trunk=near(0.283),
            shoulder=near(0.108, 0.06),
            hip=near(0.056, 0.06),
            head=rng.uniform(1.0, 1.14),
            girth=rng.uniform(0.88, 1.25),
        )

    @classmethod
    def child(cls, rng: np.random.Generator) -> Body:
        """A small child's body: short limbs, a long trunk and a large head."""
        adult, height = cls.random(rng), rng.uniform(0.74, 1.05)
        s = height / adult.height
        return cls(
            height=height,
            upper_arm=0.94 * s * adult.upper_arm,
            forearm=0.94 * s * adult.forearm,
            thigh=0.86 * s * adult.thigh,
            shank=0.84 * s * adult.shank,
            trunk=1.1 * s * adult.trunk,
            shoulder=s * adult.shoulder,
            hip=s * adult.hip,
            head=rng.uniform(1.3, 1.5),
            girth=rng.uniform(1.1, 1.35),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """A body over time.

    points  name -> (T, 3) metres in the world.
    frames  name -> (T, 3, 3) orientation: columns are the part's left, up and forward.
    """

    points: dict[str, Floats]
    frames: dict[str, Floats]

    def keypoints(self) -> Floats:
        """(T, 17, 3) COCO's keypoints, in metres."""
        return np.stack([self.points[name] for name in COCO_17.keypoints], axis=1)


def rig(body: Body, motion: Motion) -> Rig:
    """Forward kinematics: the position of every joint, with the feet (or hands and feet) on the floor."""
    lean = np.zeros(len(motion.time_s))
    if motion.ground is not None:
        return _in_the_room(body, motion, motion.ground)
    if motion.hands_down:
        for _ in range(4):  # turn about the feet until hands and toes are level; converges in two or three rounds
            lean = lean + _tilt(_free(body, motion, lean))
    return _on_the_floor(body, motion, _free(body, motion, lean))


def _free(body: Body, motion: Motion, lean: Floats) -> Rig:
    """Forward kinematics with the pelvis at the origin."""
    a = motion.radians
    pelvis = about(2, a("roll")) @ about(0, a("pitch") + lean)
    if motion.ground is not None and motion.ground.spin.any():
        pelvis = pelvis @ about(1, np.deg2rad(motion.ground.spin))
    chest = pelvis @ about(1, a("spine_twist")) @ about(2, a("spine_side")) @ about(0, a("spine"))
    head = chest @ about(1, a("head_turn")) @ about(2, a("head_tilt")) @ about(0, a("neck"))
    points: dict[str, Floats] = {"pelvis": np.zeros((len(motion.time_s), 3))}
    frames = {"pelvis": pelvis, "chest": chest, "head": head}
    points["waist"] = turn(pelvis, (0, 0.36 * body.trunk, 0))
    points["neck"] = points["waist"] + turn(chest, (0, 0.69 * body.trunk, 0))
    base = points["neck"] + turn(chest, (0, 0.016 * body.height, 0.006 * body.height))
    points["head"] = base + turn(head, (0, 0.083 * body.height * body.head, 0.010 * body.height))
    points["nose"] = points["head"] + turn(head, np.array(FACE["nose"]) * body.height * body.head)
    for side in SIDES:
        _face(body, points, head, side)
        _arm(body, motion, points, frames, side)
        _leg(body, motion, points, frames, side, a("pitch") + lean)
    return Rig(points, frames)


def _face(body: Body, points: dict[str, Floats], head: Floats, side: str) -> None:
    for part in ("eye", "ear"):
        place = np.array(FACE[part]) * (SIGNS[side], 1, 1) * body.height * body.head
        points[f"{side}_{part}"] = points["head"] + turn(head, place)


def _arm(body: Body, motion: Motion, points: dict[str, Floats], frames: dict[str, Floats], side: str) -> None:
    sign = SIGNS[side]
    flex, out, twist, bend = (motion.radians(f"{side}_{c}") for c in ("arm_flex", "arm_abduct", "arm_twist", "elbow"))
    # a raised arm takes its shoulder up and inward
    lift = np.clip(np.maximum(out, flex) - np.pi / 3, 0, 2)
    place = np.stack([sign * (body.shoulder - 0.012 * lift), 0.64 * body.trunk + 0.022 * lift, 0 * lift], -1)
    points[f"{side}_shoulder"] = points["waist"] + turn(frames["chest"], place)
    upper = frames["chest"] @ about(0, -flex) @ about(2, sign * out) @ about(1, sign * twist)
    fore = upper @ about(0, -bend)
    frames[f"{side}_upper_arm"], frames[f"{side}_forearm"] = upper, fore
    points[f"{side}_elbow"] = points[f"{side}_shoulder"] + turn(upper, (0, -body.upper_arm, 0))
    points[f"{side}_wrist"] = points[f"{side}_elbow"] + turn(fore, (0, -body.forearm, 0))


def _leg(
    body: Body, motion: Motion, points: dict[str, Floats], frames: dict[str, Floats], side: str, pitch: Floats
) -> None:
    sign, h = SIGNS[side], body.height
    flex, out, twist, bend = (motion.radians(f"{side}_{c}") for c in ("hip_flex", "hip_abduct", "hip_twist", "knee"))
    points[f"{side}_hip"] = turn(frames["pelvis"], (sign * body.hip, 0, 0))
    thigh = frames["pelvis"] @ about(0, -flex) @ about(2, sign * out) @ about(1, sign * twist)
    shank = thigh @ about(0, bend)
    ankle = about(0, motion.radians(f"{side}_toe_point") - (pitch - flex + bend))
    foot = shank @ ankle
    frames[f"{side}_thigh"], frames[f"{side}_shank"], frames[f"{side}_foot"] = thigh, shank, foot
    points[f"{side}_knee"] = points[f"{side}_hip"] + turn(thigh, (0, -body.thigh, 0))
    points[f"{side}_ankle"] = points[f"{side}_knee"] + turn(shank, (0, -body.shank, 0))
    points[f"{side}_heel"] = points[f"{side}_ankle"] + turn(foot, (0, -0.020 * h, -0.026 * h))
    points[f"{side}_toe"] = points[f"{side}_ankle"] + turn(foot, (0, -0.024 * h, 0.098 * h))


# what can touch the floor, with its radius in heights of the body
_TOUCHING = {
    "heel": 0.019,
    "toe": 0.015,
    "knee": 0.033,
    "wrist": 0.022,
    "elbow": 0.022,
    "shoulder": 0.034,
    "hip": 0.05,
}


def _lowest(points: dict[str, Floats], height: float, parts: tuple[str, ...]) -> Floats:
    """(T,) the lowest place of the skin of these parts, either side."""
    return np.asarray(np.min([points[f"{s}_{p}"][:, 1] - _TOUCHING[p] * height for p in parts for s in SIDES], axis=0))


def _tilt(free: Rig) -> Floats:
    """(T,) radians to turn forward so that hands and toes are equally low."""
    hands = np.min([free.points[f"{s}_{p}"][:, 1] for p in ("wrist", "elbow") for s in SIDES], axis=0)
    toes = np.min([free.points[f"{s}_toe"][:, 1] for s in SIDES], axis=0)
    ahead = np.abs(free.points["neck"][:, 2] - free.points["left_toe"][:, 2])
    return np.asarray(np.arctan2(hands - toes, np.maximum(ahead, 0.3)))


def _on_the_floor(body: Body, motion: Motion, free: Rig) -> Rig:
    """Move the body so that its lowest part is on the floor and the held foot stays where it was."""
    head = free.points["head"][:, 1] - 0.06 * body.height
    low = np.minimum(_lowest(free.points, body.height, tuple(_TOUCHING)), head)
    left, right = (free.points[f"{side}_toe"] for side in SIDES)
    shift = -(left + right) / 2
    shift[:, 2] = -(motion.held_left * left[:, 2] + (1 - motion.held_left) * right[:, 2])
    if motion.walking:
        shift[:] = 0
    shift[:, 2] += motion.channels["forward_m"]
    shift[:, 1] = motion.channels["up_m"] - low
    return Rig({name: place + shift for name, place in free.points.items()}, free.frames)


def _in_the_room(body: Body, motion: Motion, ground: Ground) -> Rig:
    """Put a scripted body where it is: level on hands and feet, on the floor or a seat, about its pinned feet."""
    lean = np.zeros(len(motion.time_s))
    if ground.hands.any():
        for _ in range(4):
            lean = lean + ground.hands * _level(_free(body, motion, lean), body.height)
    free = _free(body, motion, lean)
    heading = about(1, np.deg2rad(ground.heading))
    points = {name: turn(heading, place) for name, place in free.points.items()}
    shift = np.stack([ground.x_m, motion.channels["up_m"] + _lift(body, points, ground), ground.z_m], -1)
    toes = (points["left_toe"] + points["right_toe"]) / 2
    moved = np.diff(toes, axis=0) * (ground.pinned[1:, None] + ground.pinned[:-1, None]) / 2
    shift[1:, [0, 2]] -= np.cumsum(moved, axis=0)[:, [0, 2]]
    points = {name: place + shift for name, place in points.items()}
    frames = {name: heading @ frame for name, frame in free.frames.items()}
    for side in SIDES:
        for part in ("wrist", "elbow"):
            _rest_arm(body, points, frames, side, part)
    return Rig(points, frames)


def _lift(body: Body, points: dict[str, Floats], ground: Ground) -> Floats:
    """(T,) how far up the body goes to be on the floor, or on its seat; arms carry only where `hands` says so."""
    arms = ("wrist", "elbow")
    low = _lowest(points, body.height, tuple(part for part in _TOUCHING if part not in arms))
    low = np.minimum(low, points["head"][:, 1] - 0.06 * body.height)
    low = np.minimum(low, points["nose"][:, 1] - 0.008)
    low = low + ground.hands * np.minimum(_lowest(points, body.height, arms) - low, 0)
    seat = np.where(ground.pelvis_m > 0, ground.pelvis_m + _TOUCHING["hip"] * body.height, -np.inf)
    return np.asarray(np.maximum(-low, seat))


def _rest_arm(body: Body, points: dict[str, Floats], frames: dict[str, Floats], side: str, part: str) -> None:
    """Turn an arm up about its shoulder where its wrist or elbow would be in the floor."""
    shoulder, end = points[f"{side}_shoulder"], points[f"{side}_{part}"]
    least = _TOUCHING[part] * body.height
    below = np.flatnonzero(end[:, 1] < least)
    if not len(below):
        return
    arm = (end - shoulder)[below]
    reach = np.linalg.norm(arm, axis=-1)
    flat = np.hypot(arm[:, 0], arm[:, 2])
    level = np.clip((least - shoulder[below, 1]) / reach, -1, 1)
    by = np.arcsin(level) - np.arctan2(arm[:, 1], flat)
    ahead = np.where(flat[:, None] > 1e-6, arm[:, [0, 2]] / np.maximum(flat, 1e-6)[:, None], (0.0, 1.0))
    towards = about(1, np.arctan2(ahead[:, 0], ahead[:, 1]))  # +z to the way the arm points
    raised = towards @ about(0, -by) @ np.swapaxes(towards, -1, -2)
    for name in ("elbow", "wrist"):
        point = points[f"{side}_{name}"]
        point[below] = shoulder[below] + turn(raised, point[below] - shoulder[below])
    for name in ("upper_arm", "forearm"):
        frames[f"{side}_{name}"][below] = raised @ frames[f"{side}_{name}"][below]


def _level(free: Rig, height: float) -> Floats:
    """(T,) radians to turn forward so that hands (or forearms) and feet (or knees) are equally low."""

    def lowest(parts: tuple[str, ...]) -> Floats:
        places = np.stack([free.points[f"{s}_{p}"] - (0, _TOUCHING[p] * height, 0) for p in parts for s in SIDES])
        return np.asarray(places[places[..., 1].argmin(0), np.arange(places.shape[1])])

    hands, feet = lowest(("wrist", "elbow")), lowest(("toe", "knee"))
    return np.asarray(np.arctan2(hands[:, 1] - feet[:, 1], np.maximum(hands[:, 2] - feet[:, 2], 0.3)))
