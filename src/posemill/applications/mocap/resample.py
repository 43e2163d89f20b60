"""Even frames: body points at a constant rate, with short gaps bridged and low-pass filtered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.applications.mocap.low_pass import best_cutoff, low_pass
from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import POINTS, Floats, body_points
from posemill.errors import InputError
from posemill.pose.gaps import GapPolicy, resample
from posemill.pose.track import PoseTrack


@dataclass(frozen=True, slots=True, eq=False)
class EvenPoints:
    """Body points of a person at a constant rate.

    time_s  (T,) seconds. rate_hz frames a second.
    raw, filtered  (T, 18, D) pixels as the track has them (y down, z away), D 2 or 3; NaN = not seen.
    cutoff_hz  of the filter, 0 = none.
    """

    time_s: Floats
    rate_hz: float
    raw: Floats
    filtered: Floats
    cutoff_hz: float


def even_points(track: PoseTrack, params: MocapParams) -> EvenPoints:
    """Resample a track at its own usual rate and filter it. Gaps up to `gap_s` are bridged, longer ones stay NaN.

    Errors: InputError for a track of fewer than two poses, or a skeleton without shoulders and hips.
    """
    if len(track) < 2:
        raise InputError(f"person {track.person} has {len(track)} poses: motion capture needs two or more")
    keypoints = track.xy if track.z is None else np.concatenate([track.xy, track.z[..., None]], -1)
    sure = track.confidence >= params.min_confidence
    points = body_points(np.where(sure[..., None], keypoints, np.nan), track.skeleton)
    rate_hz = 1.0 / float(np.median(np.diff(track.time_s)))
    count = int(np.floor((track.time_s[-1] - track.time_s[0]) * rate_hz + 0.5)) + 1
    time_s = track.time_s[0] + np.arange(count) / rate_hz
    raw = _at(track.time_s, points, time_s, GapPolicy(params.gap_s, max_steps=1.5))
    cutoff_hz = best_cutoff(time_s, raw, rate_hz) if params.cutoff_hz is None else params.cutoff_hz
    return EvenPoints(time_s, rate_hz, raw, low_pass(time_s, raw, cutoff_hz), cutoff_hz)


def _at(from_s: Floats, points: Floats, time_s: Floats, policy: GapPolicy) -> Floats:
    at = np.full((len(time_s), *points.shape[1:]), np.nan)
    for number in range(len(POINTS)):
        known = np.isfinite(points[:, number]).all(-1)
        if known.sum() >= 2:
            values = np.insert(points[known, number], 2, 1.0, axis=-1).astype(np.float32)  # a confidence, as it expects
            at[:, number] = np.delete(resample(from_s[known], values, time_s[None], policy)[0], 2, axis=-1)
    return at
