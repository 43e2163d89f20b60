"""Filming a motion without pixels: cameras of every height and kind, and what they make of exact keypoints.

A camera stands, follows, or is held by hand; the picture cuts feet, legs or a side off. Then a pose network looks at
it: limbs behind others are guessed, far limbs stick to near ones, and `synth/estimated.py` adds the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.synth.estimated import Labeller, _slow, estimate
from posemill.synth.misplaced import at_the_border, misplaced
from posemill.synth.rotation import Floats

ASPECTS = (4 / 3, 4 / 3, 16 / 9, 16 / 9, 16 / 9, 9 / 16, 9 / 16, 3 / 4, 1.0)
RATES = (10.0, 12.5, 15.0, 20.0, 24.0, 25.0, 25.0, 29.97, 30.0, 30.0, 30.0, 50.0, 60.0)
_LIMB_PAIRS = tuple(
    (COCO_17.index(f"left_{p}"), COCO_17.index(f"right_{p}")) for p in ("elbow", "wrist", "knee", "ankle", "hip")
)
_LIMBS = tuple(
    (f"{side}_{root}", tuple(f"{side}_{part}" for part in parts))
    for side in ("left", "right")
    for root, parts in (("shoulder", ("elbow", "wrist")), ("hip", ("knee", "ankle")))
)
_HIDEABLE = (
    ("left_ankle", "right_ankle"),
    ("left_ankle", "right_ankle", "left_knee", "right_knee"),
    ("left_wrist",),
    ("right_wrist",),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Keypoints in a picture: xy (T, 17, 2) pixels, exact; depth (T, 17) metres; size_px (width, height)."""

    xy: Floats
    depth: Floats
    size_px: tuple[int, int]


def film(points: Floats, time_s: Floats, rng: np.random.Generator, cut: float = 0.2) -> Footage:
    """Film keypoints (T, 17, 3) in metres, y up, with a random camera.

    cut  probability that the picture cuts feet or legs off.
    """
    pelvis = points[:, [COCO_17.index("left_hip"), COCO_17.index("right_hip")]].mean(1)
    still = np.median(points.reshape(-1, 3), axis=0)
    target = np.broadcast_to(still, pelvis.shape)
    if rng.uniform() < 0.45:  # a camera that follows
        lag = rng.uniform(0.2, 1.5)
        target = target + (_smooth(pelvis, time_s, lag) - pelvis.mean(0)) * (1, rng.uniform(0, 0.6), 1)
    azimuth = _azimuth(rng)
    distance = np.exp(rng.uniform(np.log(1.9), np.log(9.0)))
    height = _height(rng, float(still[1]), distance)
    place = still + distance * np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    place[1] = height
    places = np.broadcast_to(place, pelvis.shape)
    if rng.uniform() < 0.25:  # walks along
        places = places + (target - still) * rng.uniform(0.5, 1.0)
    u, depth = _see(points, places, target, rng.normal(0, np.deg2rad(2.5)))
    return _framed(_held_by_hand(u, time_s, rng), depth, rng, cut)


def _azimuth(rng: np.random.Generator) -> float:
    """Half of all films are from the front or obliquely, the others from anywhere."""
    return float(rng.uniform(-1.2, 1.2) if rng.uniform() < 0.5 else rng.uniform(-np.pi, np.pi))


def _height(rng: np.random.Generator, of_target: float, distance: float) -> float:
    kind = rng.uniform()
    if of_target < 0.5 and rng.uniform() < 0.3:  # who is on the floor is often filmed from there
        return float(rng.uniform(0.05, 0.6))
    if kind < 0.62:  # in somebody's hands, on a tripod, on a table
        return float(rng.uniform(0.5, 1.9))
    if kind < 0.76:  # on the floor
        return float(rng.uniform(0.05, 0.5))
    if kind < 0.96:  # in a corner below the ceiling
        return float(of_target + distance * np.tan(np.deg2rad(rng.uniform(15, 50))))
    return float(of_target + distance * np.tan(np.deg2rad(rng.uniform(50, 82))))


def _see(points: Floats, places: Floats, targets: Floats, roll: float) -> tuple[Floats, Floats]:
    """Project (T, 17, 3) by cameras at places (T, 3) that look at targets: (T, 17, 2) at focal length 1, and depth."""
    forward = targets - places
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right = right / np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-9)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    turn = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    seen = np.einsum("tij,tkj->tki", turn, points - places[:, None])
    depth = np.maximum(seen[..., 2], 0.25)
    return seen[..., :2] / depth[..., None], seen[..., 2]


def _smooth(path: Floats, time_s: Floats, spread_s: float) -> Floats:
    step = float(np.median(np.diff(time_s)))
    reach = max(int(2 * spread_s / step), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / spread_s) ** 2)
    padded = np.pad(path, ((reach, reach), (0, 0)), "edge")
    return np.stack([np.convolve(padded[:, i], kernel / kernel.sum(), "valid") for i in range(path.shape[1])], axis=1)


def _held_by_hand(u: Floats, time_s: Floats, rng: np.random.Generator) -> Floats:
    """Add shake, drift and zoom to a share of the films."""
    if rng.uniform() < 0.5:
        return u
    step = float(np.median(np.diff(time_s)))
    size = float(np.median(np.ptp(u, axis=1).max(-1)))
    shake = 0.012 * size * rng.exponential() * _slow((len(u), 1, 2), 0.25 / step, rng)
    drift = 0.05 * size * rng.exponential() * _slow((len(u), 1, 2), 1.5 / step, rng)
    zoom = np.exp(0.06 * rng.exponential() * _slow((len(u), 1, 1), 2.0 / step, rng))
    return np.asarray(u * zoom + shake + drift)


def _framed(u: Floats, depth: Floats, rng: np.random.Generator, cut: float) -> Footage:
    """Choose the picture: its shape, how much of it the person fills, and what it cuts off."""
    low, high = np.quantile(u.min(1), 0.04, axis=0), np.quantile(u.max(1), 0.96, axis=0)
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    width, height = np.maximum(high - low, 1e-3)
    kind = rng.uniform()
    if kind < cut:  # feet, or everything below the hips or the waist
        deep = rng.uniform(0.05, 0.28) if rng.uniform() < 0.5 else rng.uniform(0.28, 0.7)
        high = high - np.array([0.0, deep * height])
    elif kind < cut + 0.06:  # a side
        aside = np.array([rng.uniform(0.08, 0.35) * width, 0.0])
        low, high = (low + aside, high) if rng.uniform() < 0.5 else (low, high - aside)
    elif kind < cut + 0.09:  # the head
        low = low + np.array([0.0, rng.uniform(0.05, 0.22) * height])
    box, aspect = high - low, float(rng.choice(ASPECTS))
    fill = rng.uniform(0.3, 1.0) if rng.uniform() < 0.7 else rng.uniform(0.8, 1.0)
    tall = max(box[1], box[0] / aspect) / fill
    picture = np.array([tall * aspect, tall])
    spare = picture - box
    at = np.clip(rng.normal(0.5, 0.2, 2), 0, 1)
    if kind < cut:
        at[1] = 1.0  # the cut is the picture's lower edge
    elif kind < cut + 0.06:
        at[0] = 0.0 if low[0] > np.quantile(u.min(1), 0.04, axis=0)[0] else 1.0
    elif kind < cut + 0.09:
        at[1] = 0.0
    corner = low - spare * at
    long_px = float(rng.choice([320, 480, 640, 640, 960, 1280]))
    scale = long_px / picture.max()
    size = (round(picture[0] * scale), round(picture[1] * scale))
    return Footage((u - corner) * scale, depth, size)


def seen_by_network(
    footage: Footage, time_s: Floats, fps: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return keypoints (T, 17, 2) and confidences (T, 17) as a pose network would report them."""
    xy = _sticking(footage, fps, rng)
    xy, guessed = misplaced(_collapsed(xy, fps, rng), fps, rng)
    xy, gone = _hidden(xy, fps, rng)
    xy, put = at_the_border(xy, footage.size_px, fps, rng)
    labeller = Labeller.random(rng)
    worse = np.exp(rng.normal(0.0, 0.5))
    labeller = replace(labeller, error=labeller.error * worse, lying=labeller.lying * rng.uniform(0.8, 1.7))
    labeller = replace(labeller, gaps_hz=0.2 * labeller.gaps_hz)
    if rng.uniform() < 0.25:
        labeller = replace(labeller, swaps_hz=labeller.swaps_hz * 8, jumps_hz=labeller.jumps_hz * 4)
    found, confidence = estimate(xy, footage.size_px, fps, labeller, rng)
    unsure = np.asarray(rng.uniform(0.02, 0.45, confidence.shape), np.float32)
    confidence = np.where(((guessed > 0) | put) & (confidence > 0), np.minimum(confidence, unsure), confidence)
    found[:, gone], confidence[:, gone] = np.nan, 0.0
    return found, confidence


def _sticking(footage: Footage, fps: float, rng: np.random.Generator) -> Floats:
    """Put far limbs onto near ones where they are close in the picture, as networks do in side views."""
    xy = footage.xy.copy()
    if rng.uniform() < 0.5:
        return xy
    body = np.ptp(xy, axis=1).max(-1)
    for left, right in _LIMB_PAIRS:
        if rng.uniform() < 0.55:
            continue
        near_left = footage.depth[:, left] < footage.depth[:, right]
        close = np.linalg.norm(xy[:, left] - xy[:, right], axis=-1) < rng.uniform(0.08, 0.3) * body
        behind = np.abs(footage.depth[:, left] - footage.depth[:, right]) > 0.12
        share = np.clip(0.6 + 0.6 * _slow((len(xy),), 0.6 * fps, rng), 0, 1) * (close & behind)
        one, two = xy[:, left].copy(), xy[:, right].copy()
        to_left, to_right = (share * near_left)[:, None], (share * ~near_left)[:, None]
        xy[:, right] = two + to_left * (one - two)
        xy[:, left] = one + to_right * (two - one)
    return xy


def _collapsed(xy: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """Draw limbs too short, towards where they begin, as networks do that do not see their ends."""
    out = xy
    for root, parts in _LIMBS:
        if rng.uniform() >= 0.07:
            continue
        out = out.copy()
        start, members = COCO_17.index(root), [COCO_17.index(part) for part in parts]
        size = np.clip(rng.uniform(0.15, 0.85) + 0.15 * _slow((len(xy), 1, 1), rng.uniform(0.3, 2) * fps, rng), 0, 1)
        out[:, members] = out[:, [start]] + size * (out[:, members] - out[:, [start]])
    return out


def _hidden(xy: Floats, fps: float, rng: np.random.Generator) -> tuple[Floats, list[int]]:
    """Hide a group behind furniture or the body itself: guessed somewhere near, or not reported at all."""
    if rng.uniform() < 0.04:  # the far side of the body
        side = "left" if rng.uniform() < 0.5 else "right"
        parts = ("elbow", "wrist", "knee", "ankle", "shoulder", "hip")[: int(rng.integers(3, 7))]
        return xy, [COCO_17.index(f"{side}_{part}") for part in parts]
    if rng.uniform() >= 0.16:
        return xy, []
    group = [COCO_17.index(name) for name in _HIDEABLE[int(rng.integers(len(_HIDEABLE)))]]
    if rng.uniform() < 0.35:
        return xy, group
    body = np.median(np.ptp(xy, axis=1).max(-1))
    off = rng.normal(0, 0.05, (1, len(group), 2)) + 0.05 * _slow(
        (len(xy), len(group), 2), rng.uniform(0.3, 2) * fps, rng
    )
    out = xy.copy()
    out[:, group] += body * off
    return out, []


def track_of(found: NDArray[np.float32], confidence: NDArray[np.float32], time_s: Floats) -> PoseTrack:
    """Return one person's track of the frames in which anything was found."""
    kept = np.flatnonzero(np.isfinite(found[..., 0]).any(1))
    return PoseTrack(
        COCO_17,
        0,
        kept.astype(np.int32),
        np.asarray(time_s[kept], np.float64),
        found[kept],
        confidence[kept],
        np.full(len(kept), State.PREDICTED, np.uint8),
    )
