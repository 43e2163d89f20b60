"""Quality signals of a track, pose by pose: numpy only, (T, K) in, (T,) out.

Every signal is in units of its limit: 0 = nothing to see, 1 and more = a fault. Lengths are in body sizes, so that a
person far away is judged as one close by. A pose is compared with each of the last poses before it and the smallest
difference counts: so the one pose that is off is found, not the good one after it; and of something that changes for
good, the first pose. NaN (unseen) is never a fault, except that it has no confidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import box_size
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack

Values = NDArray[np.float64]

BACK = 3  # poses before this one that it is compared with
NEIGHBOUR_S = 0.25  # poses further apart than this may differ in anything but the person
AROUND = 15  # poses to each side over which what is usual is measured
SMALLEST_BODY_PX = 8.0  # below this everything is noise
MIN_COMMON = 3  # keypoints or bones that must be seen in both poses to speak of the whole body


class Signal(StrEnum):
    """Kinds of tracking and pose errors."""

    BONE_JUMP = "bone jumps"
    VELOCITY_SPIKE = "keypoint jumps"
    SIDE_SWAP = "left and right change places"
    LOW_CONFIDENCE = "low confidence"
    IDENTITY_SWITCH = "another person"


@dataclass(frozen=True, slots=True)
class SignalLimits:
    """Limits of the signals, from which on a pose is a fault.

    bone_jump        change of a bone's length from pose to pose, body sizes.
    velocity_spike   speed of a keypoint over what is usual for it around that time, body sizes a second.
    side_swap        how much nearer left is to where right was (and right to where left was), body sizes.
    low_confidence   share by which a pose's mean confidence is below the usual one.
    moved            displacement of most keypoints beyond what `reach` allows, body sizes.
    reach            how fast a body may go, body sizes a second.
    grown            ratio by which most bones become longer or shorter.
    """

    bone_jump: float = 0.2
    velocity_spike: float = 6.0
    side_swap: float = 0.12
    low_confidence: float = 0.5
    moved: float = 0.3
    reach: float = 2.0
    grown: float = 1.5


DEFAULT = SignalLimits()


def signals(
    track: PoseTrack, usual_confidence: float | None = None, limits: SignalLimits = DEFAULT
) -> dict[Signal, Values]:
    """Compute every signal of a track, each (T,) float64 in units of its limit.

    usual_confidence  mean confidence of a good pose by the same labeller; None: the track's own median.
    """
    xy, time_s, skeleton = track.xy.astype(np.float64), track.time_s, track.skeleton
    body = body_px(track.xy)
    return {
        Signal.BONE_JUMP: bone_jumps(xy, time_s, body, skeleton) / limits.bone_jump,
        Signal.VELOCITY_SPIKE: velocity_spikes(xy, time_s, body) / limits.velocity_spike,
        Signal.SIDE_SWAP: side_swaps(xy, time_s, body, skeleton) / limits.side_swap,
        Signal.LOW_CONFIDENCE: low_confidence(track.confidence, usual_confidence) / limits.low_confidence,
        Signal.IDENTITY_SWITCH: identity_switches(xy, time_s, body, skeleton, limits),
    }


def body_px(xy: NDArray[np.float32]) -> Values:
    """Estimate the body size around each pose, (T, K, 2) → (T,) pixels: a high quantile of the box's longer side."""
    longer = np.asarray(box_size(xy).max(-1), np.float64)
    if not len(longer):
        return longer
    near = np.lib.stride_tricks.sliding_window_view(np.pad(longer, AROUND, mode="edge"), 2 * AROUND + 1)
    return np.asarray(np.maximum(np.quantile(near, 0.8, axis=-1), SMALLEST_BODY_PX))


def bone_jumps(xy: Values, time_s: Values, body: Values, skeleton: Skeleton) -> Values:
    """Measure bone jumps (T,): the largest change of a bone's length from pose to pose, body sizes."""
    lengths = _lengths(xy, skeleton)
    change = _smallest(lambda back: np.abs(lengths[back:] - lengths[:-back]), lengths.shape, time_s)
    return _largest(change / body[:, None])


def velocity_spikes(xy: Values, time_s: Values, body: Values) -> Values:
    """Measure velocity spikes (T,): the largest speed of a keypoint above its usual one, body sizes a second."""
    moved = _smallest(lambda back: np.linalg.norm(xy[back:] - xy[:-back], axis=-1), xy.shape[:2], time_s)
    step_s = np.diff(time_s, prepend=time_s[:1] - 1)  # the first pose has moved nowhere
    speed = moved / body[:, None] / step_s[:, None]
    if not len(speed):
        return np.zeros(0)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(speed, ((AROUND, AROUND), (0, 0))), 2 * AROUND + 1, axis=0)
    return _largest(speed - np.median(near, axis=-1))


def side_swaps(xy: Values, time_s: Values, body: Values, skeleton: Skeleton) -> Values:
    """Measure side swaps (T,): how much better a pair fits the poses before it when swapped, body sizes.

    Limbs that pass each other at speed are no swap: they are also judged by where their motion led.
    """
    left = xy[:, [skeleton.index(a) for a, _ in skeleton.pairs]]
    right = xy[:, [skeleton.index(b) for _, b in skeleton.pairs]]
    gain = _smallest(lambda back: _gain(left[back:], right[back:], left[:-back], right[:-back]), left.shape[:2], time_s)
    if len(xy) > 2:
        step_s = np.diff(time_s)
        ratio = (step_s[1:] / step_s[:-1])[:, None, None]
        ahead = [side[1:-1] + (side[1:-1] - side[:-2]) * ratio for side in (left, right)]
        moving = _gain(left[2:], right[2:], ahead[0], ahead[1])
        gain[2:] = np.fmin(gain[2:], np.maximum(moving, 0))
    return _largest(gain / body[:, None])


def low_confidence(confidence: NDArray[np.floating], usual: float | None = None) -> Values:
    """Measure low confidence, (T, K) → (T,) 0..1: by how much the mean (0 where unseen) is below the usual one."""
    mean = confidence.mean(-1, dtype=np.float64) if len(confidence) else np.zeros(0)
    usual = float(np.median(mean)) if usual is None and len(mean) else usual
    return np.clip(1 - mean / usual, 0, 1) if usual else np.zeros(len(mean))


def identity_switches(
    xy: Values, time_s: Values, body: Values, skeleton: Skeleton, limits: SignalLimits = DEFAULT
) -> Values:
    """Measure identity switches (T,), in limits: most keypoints moved too far, or most bones changed their length."""
    lengths = _lengths(xy, skeleton)

    def moved(back: int) -> Values:
        far = _middle(np.linalg.norm(xy[back:] - xy[:-back], axis=-1)) / body[back:]
        return (far - limits.reach * (time_s[back:] - time_s[:-back])) / limits.moved

    def grown(back: int) -> Values:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(lengths[back:] / lengths[:-back])
        middle = np.abs(_middle(np.where(np.isfinite(ratio), ratio, np.nan)))
        return np.asarray(middle / np.log(limits.grown))

    whole = [_clean(_smallest(measure, (len(xy),), time_s, np.inf)) for measure in (moved, grown)]
    return np.asarray(np.maximum(*whole))


def _lengths(xy: Values, skeleton: Skeleton) -> Values:
    """(T, E) lengths of the edges, pixels."""
    edges = skeleton.edge_index
    return np.asarray(np.linalg.norm(xy[:, edges[:, 1]] - xy[:, edges[:, 0]], axis=-1))


def _smallest(
    difference: Callable[[int], Values], shape: tuple[int, ...], time_s: Values, near_s: float = NEIGHBOUR_S
) -> Values:
    """The smallest difference to each of the last BACK poses, at least 0; NaN where none can be compared."""
    least = np.full(shape, np.nan)
    for back in range(1, min(BACK, len(time_s) - 1) + 1):
        apart_s = (time_s[back:] - time_s[:-back]).reshape(-1, *[1] * (len(shape) - 1))
        least[back:] = np.fmin(least[back:], np.where(apart_s <= near_s * back, difference(back), np.nan))
    return np.asarray(np.maximum(least, 0))


def _gain(left: Values, right: Values, left_before: Values, right_before: Values) -> Values:
    """Path length saved when the two are swapped, pixels; negative when the paths are longer."""
    same = np.linalg.norm(left - left_before, axis=-1) + np.linalg.norm(right - right_before, axis=-1)
    crossed = np.linalg.norm(left - right_before, axis=-1) + np.linalg.norm(right - left_before, axis=-1)
    return np.asarray((same - crossed) / 2)


def _middle(values: Values) -> Values:
    """Median over the last axis of what is known; NaN where fewer than MIN_COMMON are."""
    ranked = np.sort(values, axis=-1)  # NaN last
    known = (~np.isnan(values)).sum(-1)
    middle = np.take_along_axis(ranked, np.maximum(known - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    return np.where(known >= MIN_COMMON, middle, np.nan)


def _largest(values: Values) -> Values:
    """(T, N) → (T,) the largest known value, 0 where none is."""
    return _clean(np.where(np.isnan(values), 0, values).max(-1, initial=0))


def _clean(values: Values) -> Values:
    return np.asarray(np.maximum(np.nan_to_num(values, nan=0.0), 0))


@dataclass(frozen=True, slots=True)
class FaultInterval:
    """Time interval in which one person's track has faults.

    start_s, end_s  of the first and the last pose with a fault.
    worst_s         time of the worst pose.
    priority        its value, in limits; the sum of all its signals that are faults.
    reasons         the signals that are faults, the worst first.
    """

    person: int
    start_s: float
    end_s: float
    worst_s: float
    priority: float
    reasons: tuple[Signal, ...]


def fault_intervals(
    track: PoseTrack, usual_confidence: float | None = None, limits: SignalLimits = DEFAULT, join_s: float = 0.5
) -> list[FaultInterval]:
    """Find the intervals of a track with faults, in order; faults at most `join_s` apart are one interval."""
    values = signals(track, usual_confidence, limits)
    names = list(values)
    table = np.stack([values[name] for name in names])
    faults = np.where(table >= 1, table, 0)
    at = np.flatnonzero(faults.any(0))
    groups = np.split(at, np.flatnonzero(np.diff(track.time_s[at]) > join_s) + 1) if len(at) else []
    return [_fault_interval(track, names, faults[:, group], track.time_s[group]) for group in groups]


def _fault_interval(track: PoseTrack, names: list[Signal], faults: Values, time_s: Values) -> FaultInterval:
    total, most = faults.sum(0), faults.max(1)
    worst = int(total.argmax())
    reasons = tuple(names[i] for i in np.argsort(-most, kind="stable") if most[i] > 0)
    return FaultInterval(
        track.person, float(time_s[0]), float(time_s[-1]), float(time_s[worst]), float(total[worst]), reasons
    )
