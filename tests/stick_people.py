"""Stick people seen from the side, with exact truth: falls and what looks like them, as frames for applications.

Lengths are in body lengths, y up, the floor at 0; angles in degrees. A keyframe gives the trunk's lean from upright
(positive to the right), the angle of thighs and shanks from hanging down (positive to the right), where the hips are,
and what carries them: None puts the lowest point on the floor, a number is the height of the hips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.pose.skeleton import COCO_17

WIDTH_PX, HEIGHT_PX, FPS = 640, 480, 25.0
STREAM = StreamFacts(COCO_17, WIDTH_PX, HEIGHT_PX, "stick people")
HEAD, TRUNK, THIGH, SHANK, UPPER_ARM, FOREARM = 0.17, 0.29, 0.245, 0.245, 0.17, 0.15


@dataclass(frozen=True)
class Key:
    """A posture at a time; `fast`: it is reached accelerating, as a falling body reaches the floor."""

    at_s: float
    trunk: float = 0.0
    thigh: float = 0.0
    shank: float = 0.0
    arm: float = 0.0
    x: float = 0.0
    hips: float | None = None
    fast: bool = False


STAND = Key(0.0)
SIT = Key(0.0, trunk=5, thigh=88, shank=0, hips=0.29)
LIE = Key(0.0, trunk=-88, thigh=85, shank=85, arm=-80, x=-0.1)
LIE_FORWARD = Key(0.0, trunk=88, thigh=-88, shank=-88, arm=80, x=0.3)
BEND = Key(0.0, trunk=105, thigh=-5, shank=0, arm=-20)
KNEEL = Key(0.0, trunk=45, thigh=60, shank=-60, arm=20)
SQUAT = Key(0.0, trunk=35, thigh=100, shank=-30, arm=80)
PUSH_UP_HIGH = Key(0.0, trunk=70, thigh=-70, shank=-70, arm=-3, x=0.3)
PUSH_UP_LOW = Key(0.0, trunk=86, thigh=-86, shank=-86, arm=60, x=0.3)
CRAWL = Key(0.0, trunk=80, thigh=0, shank=-90, arm=0)
SIT_ON_FLOOR = Key(0.0, trunk=-10, thigh=95, shank=75)
LIE_IN_BED = Key(0.0, trunk=-86, thigh=90, shank=90, hips=0.33)


def at(key: Key, seconds: float, **more: object) -> Key:
    """The posture at a time."""
    return replace(key, at_s=seconds, **more)


def poses(keys: Sequence[Key], seconds: float, fps: float = FPS) -> Iterator[tuple[float, np.ndarray]]:
    """Time and (17, 2) body lengths of every frame."""
    for n in range(round(seconds * fps)):
        yield n / fps, _points(_between(keys, n / fps))


def people(
    *bodies: dict[int, Sequence[Key]] | Sequence[Key],
    seconds: float,
    size_px: float = 220.0,
    noise: float = 0.006,
    fps: float = FPS,
    floor_px: float = 440.0,
    middle_px: float = WIDTH_PX / 2,
    apart: float = 1.6,
    seed: int = 0,
) -> Iterator[TrackedFrame]:
    """Frames with these bodies side by side, numbered from 0; noise in body lengths."""
    rng = np.random.default_rng(seed)
    streams = [list(poses(keys, seconds, fps)) for keys in bodies]
    for n in range(round(seconds * fps)):
        seen = {}
        for person, stream in enumerate(streams):
            points = stream[n][1] + rng.normal(0, noise, (17, 2))
            x = middle_px + size_px * (points[:, 0] + apart * (person - (len(bodies) - 1) / 2))
            xy = np.stack([x, floor_px - size_px * points[:, 1]], -1).astype(np.float32)
            seen[person] = TrackedPose(xy, np.full(17, 0.8, np.float32))
        yield TrackedFrame(n, n / fps, seen)


def _between(keys: Sequence[Key], time_s: float) -> Key:
    after = next((n for n, key in enumerate(keys) if key.at_s > time_s), len(keys))
    if after in (0, len(keys)):
        return keys[min(after, len(keys) - 1)]
    a, b = keys[after - 1], keys[after]
    u = (time_s - a.at_s) / (b.at_s - a.at_s)
    w = u**2 if b.fast else u * u * (3 - 2 * u)
    mixed = {name: getattr(a, name) + w * (getattr(b, name) - getattr(a, name)) for name in _ANGLES}
    return Key(time_s, hips=_height(a) + w * (_height(b) - _height(a)), **mixed)


_ANGLES = ("trunk", "thigh", "shank", "arm", "x")


def _height(key: Key) -> float:
    """Height of the hips: as given, or such that the lowest point is on the floor."""
    return float(-_shape(key)[:, 1].min()) if key.hips is None else key.hips


def _points(key: Key) -> np.ndarray:
    return _shape(key) + np.array([key.x, _height(key)])


def _shape(key: Key) -> np.ndarray:
    """(17, 2) COCO keypoints about the middle of the hips."""
    up, thigh, shank = _up(key.trunk), _down(key.thigh), _down(key.shank)
    neck, head = TRUNK * up, (TRUNK + HEAD) * up
    knee, ankle = THIGH * thigh, THIGH * thigh + SHANK * shank
    arm = _down(key.arm)
    elbow, wrist = neck + UPPER_ARM * arm, neck + (UPPER_ARM + FOREARM) * arm
    ahead = np.array([up[1], -up[0]])
    face = [head + 0.05 * ahead, head + 0.03 * up + 0.03 * ahead, head + 0.03 * up + 0.03 * ahead, head, head]
    pairs = [point + sign * np.array([0.02, 0.0]) for point in (neck, elbow, wrist) for sign in (1, -1)]
    legs = [point + sign * np.array([0.02, 0.0]) for point in (0 * neck, knee, ankle) for sign in (1, -1)]
    return np.stack([*face, *pairs, *legs])


def _up(degrees: float) -> np.ndarray:
    return np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])


def _down(degrees: float) -> np.ndarray:
    return np.array([np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))])
