"""Poses as an estimator would give them, made from the exact keypoints of a crossing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import FramePoses, Pose
from posemill.pose.oks import box_area
from posemill.synth.corpus import HIDDEN
from posemill.synth.crossing import Crossing

JITTER, GUESS = 0.03, 0.12  # of the body's size: error of keypoints that are seen, and that are hidden
LOST, FLICKER = 0.4, 0.03  # a body of which less is seen is mostly lost; any body is lost at times
BORROWED = 0.6  # how often the hidden keypoints of a body are taken from the one before it
DOUBLE = 0.08  # how often a body is found twice
FALSE = 0.03  # how often somebody is found where nobody is


def estimated(crossing: Crossing, seed: int, steady: Mapping[int, float] | None = None) -> list[FramePoses]:
    """Every frame's poses in random order: jitter, dropouts behind others, limbs of others, doubles, false ones.

    steady  number of a person → times the usual jitter: a picture on the wall looks the same in every frame.
    """
    rng = np.random.default_rng([seed, crossing.frames])
    rows = [{int(f): row for row, f in enumerate(track.frame)} for track in crossing.truth]
    frames = []
    for frame in range(crossing.frames):
        there = [(t, r[frame]) for t, r in zip(crossing.truth, rows, strict=True) if frame in r]
        people = [(t.xy[row], t.confidence[row]) for t, row in there]
        jitter = [JITTER * (steady or {}).get(t.person, 1.0) for t, _ in there]
        poses = [pose for number in range(len(people)) for pose in _found(people, number, jitter[number], rng)]
        if rng.uniform() < FALSE and people:
            away = rng.uniform(-1, 1, 2) * (crossing.width_px, crossing.height_px / 4)
            poses.append(_pose(people[0][0] * 0.7 + away, rng, 0.1, 0.18))
        order = rng.permutation(len(poses))
        frames.append(FramePoses(frame, frame / crossing.fps, [poses[i] for i in order]))
    return frames


def _found(
    people: list[tuple[NDArray[np.float32], NDArray[np.float32]]], number: int, jitter: float, rng: np.random.Generator
) -> list[Pose]:
    """What is found of one person: nothing, a pose, or two."""
    xy, confidence = people[number]
    seen = float((confidence > HIDDEN).mean())
    if rng.uniform() < (0.85 if seen < LOST else FLICKER):
        return []
    hidden = confidence == HIDDEN
    if hidden.any() and rng.uniform() < BORROWED:
        other = min((o for o in range(len(people)) if o != number), key=lambda o: np.nansum(np.abs(people[o][0] - xy)))
        xy = np.where(hidden[:, None] & np.isfinite(people[other][0]), people[other][0], xy)
        hidden = np.zeros_like(hidden)
    size = float(np.sqrt(box_area(xy)))
    guess = rng.normal(0, GUESS * size, xy.shape) * hidden[:, None]
    poses = [_pose(xy + guess, rng, jitter, 0.55 * (0.4 + 0.6 * seen))]
    if rng.uniform() < DOUBLE:
        poses.append(_pose(xy + guess, rng, 2.5 * jitter, 0.3 * (0.4 + 0.6 * seen)))
    return poses


def _pose(xy: NDArray[np.floating], rng: np.random.Generator, jitter: float, sure: float) -> Pose:
    noise = rng.normal(0, jitter * float(np.sqrt(box_area(np.asarray(xy, np.float32)))), xy.shape)
    made = (xy + noise).astype(np.float32)
    confidence = float(np.clip(sure * rng.uniform(0.8, 1.2), 0.05, 1))
    return Pose(made, np.where(np.isnan(made[:, 0]), 0, confidence).astype(np.float32), confidence)
