"""Traits of a track that tell who acts from bystanders, passers-by, mirror images and pictures on the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import bone_lengths, box_size, seen
from posemill.pose.track import PoseTrack

STEADY_S = 0.3  # keypoints are averaged over this time, so that an estimator's jitter is no movement
FLOOR, ENOUGH = 0.02, 0.15  # body sizes: whoever holds a pose moves as little; more movement than that is no better
CENTRALITY, WHOLENESS = 2.0, 2.0  # exponents
NET, FARTHEST = 0.5, 2.5  # body sizes that a whole body goes, from and up to which it passes by
PASSING = 0.3  # what a body size of passing by costs, in log score
NARROW, WIDE = 0.37, 0.7  # width over height of a body at ease, and of one that is stretched, bent or lying
LIFELESS = 0.008  # body sizes: whoever lives moves more, also in a held pose; a picture on the wall does not
NOBODY = 2.0  # what it costs to be such a picture, or the smaller of two who move as one, in log score
ALIKE = 0.8  # correlation of two people's movement from which one is the mirror image of the other
FEW_FRAMES = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """Traits of one person of a clip.

    presence    share of the clip in which the person is found, 0..1.
    size        longer side of the body's box over the picture's diagonal.
    central     1 in the middle of the picture, 0.3 in its corners.
    whole       share of the keypoints that are seen, 0..1.
    movement    standard deviation of keypoints about the body's middle, in body sizes.
    passing     body sizes that the body goes in one direction.
    spread      width over height of the body's box.
    posture     (T, K, 2) steady keypoints about the body's middle, pixels; NaN = not seen.
    """

    track: PoseTrack
    presence: float
    size: float
    central: float
    whole: float
    movement: float
    passing: float
    spread: float
    posture: Floats

    @classmethod
    def of(cls, track: PoseTrack, length_s: float, width_px: int, height_px: int) -> Traits:
        """Measure a track of a clip of `length_s` seconds."""
        picture = np.array([width_px, height_px])
        diagonal = float(np.hypot(*picture))
        step_s = float(np.median(np.diff(track.time_s))) if len(track) > 1 else length_s
        width, height = np.median(box_size(track.xy), axis=0).tolist()
        size_px = max(float(np.median(box_size(track.xy).max(-1))), 1.0)
        steady = _moving_mean(track.xy, max(round(STEADY_S / step_s), 1))
        middle = _mean(steady, 1)
        centre = np.nan_to_num(_mean(track.xy, 1)[:, 0], nan=0.0)
        away = float(np.median(np.linalg.norm(centre - picture / 2, axis=-1))) / (diagonal / 2)
        posture = steady - middle
        variance = _mean((posture - _mean(posture, 0)) ** 2, 0)
        variance = variance[np.isfinite(variance)]
        return cls(
            track=track,
            presence=min(len(track) * step_s / length_s, 1.0),
            size=size_px / diagonal,
            central=1.0 - 0.7 * min(away, 1.0),
            whole=float(seen(track.xy).mean()),
            movement=float(np.sqrt(2 * variance.mean())) / size_px if variance.size else 0.0,
            passing=_passing(middle[:, 0], size_px),
            spread=(width + 1) / (height + 1),
            posture=posture,
        )

    def score(self) -> float:
        """Return how much speaks for this person as the one who acts; only comparable within a clip."""
        passing = float(np.clip(self.passing - NET, 0, FARTHEST - NET))
        return float(
            self.presence
            * self.size
            * self.central**CENTRALITY
            * self.whole**WHOLENESS
            * (FLOOR + min(self.movement, ENOUGH))
            * np.clip(self.spread, NARROW, WIDE)
            * np.exp(-PASSING * passing)
        )


def scores(people: list[Traits]) -> Floats:
    """(N,) score of everybody in a clip; pictures do not move, and mirror images move as somebody larger does."""
    found = np.array([person.score() for person in people])
    for n, person in enumerate(people):
        if person.movement < LIFELESS or any(_is_image(person, other) for other in people if other is not person):
            found[n] *= np.exp(-NOBODY)
    return found


def _is_image(person: Traits, other: Traits) -> bool:
    """True if a person moves as another does, left and right exchanged or not, and has shorter bones."""
    _, mine, theirs = np.intersect1d(person.track.frame, other.track.frame, return_indices=True)
    if len(mine) < FEW_FRAMES or person.track.skeleton != other.track.skeleton:
        return False
    up = person.posture[mine, :, 1]
    orders = np.arange(up.shape[1]), _exchanged(person.track)
    alike = max(_correlation(up, other.posture[theirs][:, order, 1]) for order in orders)
    return alike > ALIKE and _log_size(person.track) < _log_size(other.track)


def _exchanged(track: PoseTrack) -> NDArray[np.int64]:
    """(K,) every keypoint's counterpart on the other side."""
    order = np.arange(len(track.skeleton.keypoints))
    for left, right in track.skeleton.pairs:
        one, two = track.skeleton.index(left), track.skeleton.index(right)
        order[[one, two]] = two, one
    return order


def _log_size(track: PoseTrack) -> float:
    """Mean over the bones of the logarithm of their usual length in pixels."""
    lengths = np.log(np.maximum(bone_lengths(track.xy, track.skeleton), 1.0))
    known = np.isfinite(lengths).any(0)
    return float(np.nanmedian(lengths[:, known], axis=0).mean()) if known.any() else 0.0


def _correlation(one: Floats, other: Floats) -> float:
    """(T, K) twice → correlation over time of what both have seen, all keypoints together."""
    one, other = one - _mean(one[..., None], 0)[..., 0], other - _mean(other[..., None], 0)[..., 0]
    both = np.isfinite(one) & np.isfinite(other)
    a, b = one[both], other[both]
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum() + 1e-9))


def _passing(middle: Floats, size_px: float) -> float:
    """(T, 2) → how far the middle gets, in body sizes, times the share of its way across that goes one way."""
    known = middle[np.isfinite(middle[:, 0])]
    if len(known) < 2:
        return 0.0
    way = float(np.abs(np.diff(known[:, 0])).sum())
    straight = abs(float(known[-1, 0] - known[0, 0])) / way if way > 0 else 0.0
    return straight * float(np.linalg.norm(known[-1] - known[0])) / size_px


def _mean(xy: NDArray[np.floating], axis: int) -> Floats:
    """(T, K, D) → the mean of what is seen along an axis, which stays with size 1; NaN where nothing is."""
    known = np.isfinite(xy)
    count = known.sum(axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, xy, 0.0).sum(axis, keepdims=True) / count, np.float64)


def _moving_mean(xy: NDArray[np.float32], size: int) -> Floats:
    """(T, K, 2) → the mean of what is seen in `size` frames around every frame."""
    known = seen(xy)[..., None]
    total = np.cumsum(np.where(known, xy, 0.0).astype(np.float64), axis=0)
    count = np.cumsum(known.astype(np.int64), axis=0)
    total, count = (np.concatenate([np.zeros_like(x[:1]), x]) for x in (total, count))
    first = np.maximum(np.arange(len(xy)) - size // 2, 0)
    end = np.minimum(np.arange(len(xy)) + size // 2 + 1, len(xy))
    with np.errstate(invalid="ignore"):
        return np.asarray((total[end] - total[first]) / (count[end] - count[first]))
