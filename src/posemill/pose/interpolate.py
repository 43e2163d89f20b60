"""Short gaps of a track, filled and marked as such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import PoseTrack, State


def fill_gaps(track: PoseTrack, frame: NDArray[np.int32], time_s: NDArray[np.float64], max_gap_s: float) -> PoseTrack:
    """The track with a row for every frame that was looked at within a gap of at most `max_gap_s`.

    frame, time_s  (N,) every frame that was looked at, in order, with its time.
    max_gap_s      from the pose before a gap to the one after it; 0 fills nothing.

    A filled row lies on the straight line in time between the poses before and after, has state INTERPOLATED, and the
    lesser of their confidences: it is no surer than what it was made of. A keypoint that one of them lacks stays
    unseen; without any keypoint there is no row.
    """
    if len(track) < 2 or max_gap_s <= 0:
        return track
    after = np.searchsorted(track.frame, frame)
    inside = (after > 0) & (after < len(track))
    right = after.clip(1, len(track) - 1)
    left = right - 1
    short = track.time_s[right] - track.time_s[left] <= max_gap_s + 1e-9
    made = np.flatnonzero(inside & (track.frame[right] != frame) & short)
    left, right = left[made], right[made]
    weight = ((time_s[made] - track.time_s[left]) / (track.time_s[right] - track.time_s[left])).astype(np.float32)
    xy = track.xy[left] + (track.xy[right] - track.xy[left]) * weight[:, None, None]
    z = None if track.z is None else track.z[left] + (track.z[right] - track.z[left]) * weight[:, None]
    seen = ~np.isnan(xy[..., 0])
    confidence = np.where(seen, np.minimum(track.confidence[left], track.confidence[right]), np.float32(0))
    kept = seen.any(-1)
    order = np.argsort(np.concatenate([track.frame, frame[made][kept]]), kind="stable")
    return replace(
        track,
        frame=np.concatenate([track.frame, frame[made][kept]])[order],
        time_s=np.concatenate([track.time_s, time_s[made][kept]])[order],
        xy=np.concatenate([track.xy, xy[kept]])[order],
        confidence=np.concatenate([track.confidence, confidence[kept]])[order],
        state=np.concatenate([track.state, np.full(kept.sum(), State.INTERPOLATED, np.uint8)])[order],
        z=None if track.z is None or z is None else np.concatenate([track.z, z[kept]])[order],
    )


def found_only(track: PoseTrack) -> PoseTrack:
    """The track without the rows that were interpolated."""
    keep = track.state != State.INTERPOLATED
    return track if keep.all() else track.rows(keep)
