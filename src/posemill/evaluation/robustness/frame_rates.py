"""Other frame rates: tracks as a camera of another frame rate, or one that loses frames, would have given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from posemill.pose.gaps import FOR_FRAME_RATES
from posemill.pose.track import MediumTracks, PoseTrack, State

Change = Callable[[MediumTracks], MediumTracks]  # can be pickled: workers on other machines are told of it
SAME = 1e-4  # of a frame: nearer to a pose's own moment, and it is that pose


def at_rate(fps: float) -> Change:
    """Resample tracks to `fps` frames a second.

    Fewer frames: those nearest to the slower camera's moments, with their own times, so that noise is not averaged
    away. More frames: poses in between are interpolated, since nothing else is known of them.
    """

    return partial(_resampled, fps=fps)


def without_frames(share: float) -> Change:
    """Drop that share of the frames; which ones depends on the medium only."""
    return partial(_lossy, share=share)


def unchanged(tracks: MediumTracks) -> MediumTracks:
    """Return tracks as they are."""
    return tracks


def _resampled(tracks: MediumTracks, fps: float) -> MediumTracks:
    return replace(tracks, tracks=tuple(_at_rate(t, fps) for t in tracks.tracks))


def _lossy(tracks: MediumTracks, share: float) -> MediumTracks:
    rng = np.random.default_rng(int(tracks.medium[:8], 16))
    frames = 1 + max((int(t.frame[-1]) for t in tracks.tracks if len(t)), default=0)
    kept = rng.random(frames) >= share
    return replace(tracks, tracks=tuple(t.rows(kept[t.frame]) for t in tracks.tracks))


def _at_rate(track: PoseTrack, fps: float) -> PoseTrack:
    if len(track) < 2:
        return track
    step = float(np.median(np.diff(track.time_s)))
    moments = np.arange(track.time_s[0], track.time_s[-1] + 1e-9, 1 / fps)
    if 1 / fps >= step * 0.99:  # 29.97 is 30
        return track.rows(np.unique(_nearest(track.time_s, moments)))
    return _between(track, moments, step, fps)


def _nearest(times: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.int64]:
    right = np.searchsorted(times, moments).clip(1, len(times) - 1)
    return np.asarray(right - (moments - times[right - 1] <= times[right] - moments), np.int64)


def _between(track: PoseTrack, moments: NDArray[np.float64], step: float, fps: float) -> PoseTrack:
    """Linear between neighbouring poses; none where the person was lost in between."""
    right = np.searchsorted(track.time_s, moments, side="right").clip(1, len(track) - 1)
    width = track.time_s[right] - track.time_s[right - 1]
    kept = np.flatnonzero(FOR_FRAME_RATES.bridges(width, step))
    moments, right, width = moments[kept], right[kept], width[kept]
    weight = ((moments - track.time_s[right - 1]) / width).clip(0, 1).astype(np.float32)
    weight = np.where(np.abs(weight - weight.round()) < SAME, weight.round(), weight)
    xy = _interpolated(track.xy, right, weight[:, None, None])
    confidence = np.where(np.isnan(xy[..., 0]), 0, _interpolated(track.confidence, right, weight[:, None]).clip(0, 1))
    z = None if track.z is None else _interpolated(track.z, right, weight[:, None])
    return replace(
        track,
        frame=(round(track.time_s[0] * fps) + kept).astype(np.int32),
        time_s=moments,
        xy=xy,
        confidence=confidence.astype(np.float32),
        state=_states(track.state, right, weight),
        z=z,
    )


def _interpolated(
    values: NDArray[np.float32], right: NDArray[np.int64], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """At its own moment a pose is what it was, also where its neighbour is not seen."""
    interpolated = values[right - 1] * (1 - weight) + values[right] * weight
    whole = np.where(weight == 0, values[right - 1], values[right])
    return np.asarray(np.where((weight == 0) | (weight == 1), whole, interpolated), np.float32)


def _states(state: NDArray[np.uint8], right: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A pose between two is interpolated where one of them is."""
    interpolated = state[right] == State.INTERPOLATED
    return np.asarray(np.where((weight == 1) | ((weight > 0) & interpolated), state[right], state[right - 1]), np.uint8)
