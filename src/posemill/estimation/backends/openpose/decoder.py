"""People from OpenPose's fields: peaks, how well a limb's field joins two of them, and who they belong to.

Z. Cao et al., *Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields*, CVPR 2017. Everything over arrays
but the assembly, which goes through the limbs that were found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.openpose.layouts import Layout
from posemill.estimation.backends.openpose.peaks import Peaks, find_peaks

PEAK = 0.1  # heat of a candidate
MOST_PEAKS = 40  # candidates a keypoint: more people than a picture of this size shows
SAMPLES = 10  # points along a limb
ALONG = 0.05  # share of a unit vector along the limb that counts as its field
COVERED = 0.8  # of its points, to be a limb
MIN_KEYPOINTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Limbs:
    """Pairs of peaks that a field joins: `first` and `second` (N,) are numbers of peaks, affinity (N,) in 0..1."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    affinity: NDArray[np.float32]


def decode(fields: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """(C, h, w) fields to people (P, K, 3): x, y in cells and confidence in 0..1; NaN, NaN, 0 where not found."""
    heat, affinity = layout.split(fields)
    peaks = find_peaks(heat, PEAK, MOST_PEAKS)
    people = assemble(peaks, join(peaks, affinity, layout.limb_index))
    found = np.full((len(people), len(layout.skeleton), 3), np.nan, np.float32)
    found[..., 2] = 0
    for person, members in zip(found, people, strict=True):
        keypoints = peaks.keypoint[members]
        person[keypoints, :2], person[keypoints, 2] = peaks.xy[members], peaks.confidence[members].clip(0, 1)
    return found


def join(peaks: Peaks, affinity: NDArray[np.float32], limb_index: NDArray[np.int64]) -> Limbs:
    """The limbs that fields show. affinity (L, 2, h, w), limb_index (L, 2)."""
    limb, first, second = _candidates(peaks, limb_index)
    start, end = peaks.xy[first], peaks.xy[second]
    length = np.linalg.norm(end - start, axis=-1)
    direction = (end - start) / np.maximum(length, 1e-6)[:, None]
    at = start[:, None] + np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None] * (end - start)[:, None]
    along = (_sample(affinity, limb, at) * direction[:, None]).sum(-1)
    covers = along > ALONG
    mean = np.where(covers, along, 0).sum(1) / np.maximum(covers.sum(1), 1)
    # limbs as long as half the picture are rare: what joins peaks so far apart must be sure
    far = np.minimum(0.5 * max(affinity.shape[2:]) / np.maximum(length, 1e-6) - 1, 0)
    keep = (covers.mean(1) >= COVERED) & (mean + far > 0) & (length > 0)
    return Limbs(first[keep], second[keep], (mean + far)[keep].astype(np.float32))


def _candidates(peaks: Peaks, limb_index: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Every limb with every peak at either end: (N,) each, numbers of limb, first and second peak."""
    rows = [np.empty((3, 0), np.int64)]
    for limb, (a, b) in enumerate(limb_index):
        grid = np.meshgrid(limb, np.flatnonzero(peaks.keypoint == a), np.flatnonzero(peaks.keypoint == b))
        rows.append(np.stack([axis.ravel() for axis in grid]))
    limb, first, second = np.concatenate(rows, 1)
    return limb, first, second


def _sample(affinity: NDArray[np.float32], limb: NDArray[np.int64], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, S, 2) field vectors at the points `at` (N, S, 2) in cells, bilinear; beyond the border as on it."""
    height, width = affinity.shape[2:]
    last = np.array([width - 1, height - 1], np.float32)
    at = at.clip(0, last)
    low = np.minimum(at.astype(np.int64), np.maximum(last.astype(np.int64) - 1, 0))
    part = at - low
    x, y = low[..., 0], low[..., 1]
    right, below = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    flat = affinity.transpose(0, 2, 3, 1).reshape(-1, 2)
    base = (limb * height * width)[:, None]
    top = flat[base + y * width + x] * (1 - part[..., :1]) + flat[base + y * width + right] * part[..., :1]
    bottom = flat[base + below * width + x] * (1 - part[..., :1]) + flat[base + below * width + right] * part[..., :1]
    return np.asarray(top * (1 - part[..., 1:]) + bottom * part[..., 1:], np.float32)


def assemble(peaks: Peaks, limbs: Limbs) -> list[list[int]]:
    """Assemble peaks to people by limbs, the most confident first; nobody gets a second peak of one keypoint."""
    owner: dict[int, dict[int, int]] = {}  # peak -> person, who has a peak for each of their keypoints
    order = np.argsort(-limbs.affinity, kind="stable")
    pairs = np.stack([limbs.first[order], limbs.second[order]], 1).tolist()
    keypoint = peaks.keypoint.tolist()
    for pair in pairs:
        a, b = (owner.get(peak, {keypoint[peak]: peak}) for peak in pair)
        if a is b or not a.keys().isdisjoint(b):
            continue
        a.update(b)
        for peak in (*pair, *b.values()):
            owner[peak] = a
    people = {id(person): person for person in owner.values()}
    return [list(person.values()) for person in people.values() if len(person) >= MIN_KEYPOINTS]
