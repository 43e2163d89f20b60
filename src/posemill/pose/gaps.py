"""Gap filling: the one definition of which gaps in a track are interpolated, and how.

A gap lies between two neighbouring sightings (of a person, or of one keypoint) and is as long as the time from one to
the other. It is either bridged by linear interpolation in time or left as NaN. All rules are policies of this file:

    policy              gaps that are bridged                            past the ends        result
    `for_tracks`        up to `label.tracking.interpolate_s`             nothing              rows of state INTERPOLATED
    `for_windows`       up to `prepare.window.gap_s`, or 1.5 time steps  held for one step    values of the window
    `for_smoothing`     up to `prepare.window.gap_s`                     nothing              runs smoothed on their own
    `FOR_FRAME_RATES`   up to 1.5 time steps                             nothing              poses between two frames
    `FOR_NORMALISATION` all                                              held                 network input without NaN

They differ on purpose. Tracks are looked at and corrected by people, so little is made up there, and it is marked;
windows start again from the sightings (`found_only`), since at a slow camera every time step is long; smoothing never
carries motion over a gap; a network takes no NaN, so its input has every gap filled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import seen
from posemill.pose.track import PoseTrack, State


@dataclass(frozen=True, slots=True)
class GapPolicy:
    """Gaps that are bridged.

    max_gap_s    seconds from the sighting before a gap to the one after it; a gap of just this length is bridged.
    max_steps    gaps up to so many of the track's time steps are bridged too, however long a step is.
    tolerance_s  added to max_gap_s for times that were rounded.

    Examples:
        >>> for_windows(0.5).bridges(np.array([0.04, 0.5, 0.6]), step_s=0.04).tolist()
        [True, True, False]
        >>> for_windows(0.5).bridges(np.array([0.6]), step_s=0.5).tolist()
        [True]
    """

    max_gap_s: float
    max_steps: float = 0.0
    tolerance_s: float = 0.0

    def bridges(self, gap_s: NDArray[np.float64], step_s: float = 0.0) -> NDArray[np.bool_]:
        """Return which gaps are bridged. gap_s (...) seconds, step_s the usual time from one sighting to the next."""
        return np.asarray(gap_s <= max(self.max_gap_s + self.tolerance_s, self.max_steps * step_s))


def for_tracks(max_gap_s: float) -> GapPolicy:
    """Policy of `fill_gaps`."""
    return GapPolicy(max_gap_s, tolerance_s=1e-9)


def for_windows(max_gap_s: float) -> GapPolicy:
    """Policy of `resample`."""
    return GapPolicy(max_gap_s, max_steps=1.5)


def for_smoothing(max_gap_s: float) -> GapPolicy:
    """Policy of `split_at_gaps`."""
    return GapPolicy(max_gap_s)


FOR_FRAME_RATES = GapPolicy(0.0, max_steps=1.5)
FOR_NORMALISATION = GapPolicy(float("inf"))


def fill_gaps(track: PoseTrack, frame: NDArray[np.int32], time_s: NDArray[np.float64], max_gap_s: float) -> PoseTrack:
    """Interpolate short gaps of a track: one row of state INTERPOLATED for every frame inside one.

    frame, time_s  (N,) every frame that was looked at, in order, with its time.
    max_gap_s      longest gap that is bridged, see `for_tracks`; 0 fills nothing.

    A filled row lies on the straight line in time between the poses before and after it and has the lesser of their
    confidences: it is no surer than what it was made of. A keypoint that one of them lacks stays unseen; without any
    keypoint there is no row.
    """
    if len(track) < 2 or max_gap_s <= 0:
        return track
    after = np.searchsorted(track.frame, frame)
    inside = (after > 0) & (after < len(track))
    right = after.clip(1, len(track) - 1)
    left = right - 1
    short = for_tracks(max_gap_s).bridges(track.time_s[right] - track.time_s[left])
    filled = np.flatnonzero(inside & (track.frame[right] != frame) & short)
    left, right = left[filled], right[filled]
    weight = ((time_s[filled] - track.time_s[left]) / (track.time_s[right] - track.time_s[left])).astype(np.float32)
    xy = track.xy[left] + (track.xy[right] - track.xy[left]) * weight[:, None, None]
    z = None if track.z is None else track.z[left] + (track.z[right] - track.z[left]) * weight[:, None]
    known = seen(xy)
    confidence = np.where(known, np.minimum(track.confidence[left], track.confidence[right]), np.float32(0))
    kept = known.any(-1)
    order = np.argsort(np.concatenate([track.frame, frame[filled][kept]]), kind="stable")
    return replace(
        track,
        frame=np.concatenate([track.frame, frame[filled][kept]])[order],
        time_s=np.concatenate([track.time_s, time_s[filled][kept]])[order],
        xy=np.concatenate([track.xy, xy[kept]])[order],
        confidence=np.concatenate([track.confidence, confidence[kept]])[order],
        state=np.concatenate([track.state, np.full(kept.sum(), State.INTERPOLATED, np.uint8)])[order],
        z=None if track.z is None or z is None else np.concatenate([track.z, z[kept]])[order],
    )


def found_only(track: PoseTrack) -> PoseTrack:
    """Return the track without interpolated rows."""
    keep = track.state != State.INTERPOLATED
    return track if keep.all() else track.rows(keep)


def resample(
    time_s: NDArray[np.float64], values: NDArray[np.float32], at_s: NDArray[np.float64], policy: GapPolicy
) -> NDArray[np.float32]:
    """Resample sightings of a keypoint, or of several that were seen together, at other times, by linear interpolation.

    time_s  (S,) seconds, increasing; values (S, ..., C) float32: x, y, confidence and perhaps z, all seen.
    at_s    (N, T) seconds.
    Returns (N, T, ..., C) float32; NaN, with confidence 0, inside gaps that the policy does not bridge, and more than
    one time step before the first or after the last sighting.
    """
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    right = np.searchsorted(time_s, at_s).clip(1, max(len(time_s) - 1, 1))
    left = right - 1
    right = right.clip(max=len(time_s) - 1)
    gap_s = time_s[right] - time_s[left]
    weight = ((at_s - time_s[left]) / np.where(gap_s > 0, gap_s, 1)).clip(0, 1)
    each = (*at_s.shape, *(1,) * (values.ndim - 1))
    interpolated = values[left] * (1 - weight.reshape(each)) + values[right] * weight.reshape(each)
    # a track ends half a frame after its last pose, so the held ends reach one step out
    outside = (at_s < time_s[0] - step_s) | (at_s > time_s[-1] + step_s)
    unseen = outside | (~policy.bridges(gap_s, step_s) & (weight > 0) & (weight < 1))
    missing = np.array([np.nan, np.nan, 0, np.nan])[: values.shape[-1]]
    return np.where(unseen.reshape(each), missing, interpolated).astype(np.float32)


def split_at_gaps(time_s: NDArray[np.float64], policy: GapPolicy) -> list[NDArray[np.int64]]:
    """Split sightings (S,) into runs without a gap that the policy leaves open; positions in ascending order.

    Examples:
        >>> [run.tolist() for run in split_at_gaps(np.array([0.0, 0.1, 0.9, 1.0]), for_smoothing(0.5))]
        [[0, 1], [2, 3]]
    """
    open_gaps = np.flatnonzero(~policy.bridges(np.diff(time_s)))
    return np.split(np.arange(len(time_s)), open_gaps + 1)


def fill_in_time(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill every gap by linear interpolation, and hold the first and last sighting to the ends (`FOR_NORMALISATION`).

    x  (N, T, K, D); NaN = not seen.
    Returns the same shape; a keypoint that is never seen stays NaN. `posemill.features.augment.time.fill` does the
    same to torch tensors.

    Examples:
        >>> x = np.array([np.nan, 1, np.nan, 3], np.float32).reshape(1, 4, 1, 1)
        >>> fill_in_time(x).ravel().tolist()
        [1.0, 1.0, 2.0, 3.0]
    """
    known = seen(x)
    window, keypoint = np.nonzero(~known.all(1))  # most keypoints are seen all the time
    filled = np.array(x, np.float32)
    filled[window, :, keypoint] = _filled(x[window, :, keypoint], known[window, :, keypoint])
    return filled


def _filled(x: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(M, T, D) and (M, T): one keypoint of one window each."""
    frames = x.shape[1]
    at = np.arange(frames)[None]
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, frames)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before < 0, after, before).clip(0, frames - 1)
    right = np.where(after >= frames, before, after).clip(0, frames - 1)
    weight = ((at - left) / np.maximum(right - left, 1)).clip(0, 1).astype(np.float32)[..., None]
    a = np.take_along_axis(x, left[..., None], axis=1)
    b = np.take_along_axis(x, right[..., None], axis=1)
    return np.asarray(a + (b - a) * weight, np.float32)
