"""Ranking of the worst intervals of all tracks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from posemill.pose.signals import FaultInterval, fault_intervals, signals
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.review.labelled import Labelled
from posemill.store.reviews import ReviewItem

SAMPLED = 200  # media over which a labeller's usual confidence is measured


def rank(labelled: Labelled) -> list[ReviewItem]:
    """Rank the intervals of labelled videos that look wrong, the worst first; equal tracks give equal items."""
    videos = labelled.videos
    every = -(-len(videos) // SAMPLED) or 1
    median = median_confidence(labelled.all(videos[::every]))
    items = [
        item(tracks.medium, interval)
        for tracks in labelled.all(videos)
        for track in tracks.tracks
        for interval in fault_intervals(track, median)
    ]
    return sorted(items, key=lambda i: (-i.priority, i.medium, i.person, i.start_s))


def median_confidence(media: Iterable[MediumTracks]) -> float | None:
    """Median over all poses of their mean confidence; None without a pose."""
    means = [track.confidence.mean(1) for tracks in media for track in tracks.tracks]
    return float(np.median(np.concatenate(means))) if means else None


def item(medium: str, interval: FaultInterval) -> ReviewItem:
    """Return an interval as it is queued, to the millisecond."""
    start_s, end_s = round(interval.start_s, 3), round(interval.end_s, 3)
    return ReviewItem(medium, interval.person, start_s, end_s, ", ".join(interval.reasons), round(interval.priority, 2))


def worst_frames(track: PoseTrack, start_s: float, end_s: float, count: int) -> list[int]:
    """Return at most `count` frame numbers of an interval, in order: the worst, then spread over what is left."""
    rows = rows_within(track, start_s, end_s)
    if not len(rows):
        return []
    values = np.stack(list(signals(track).values()))
    badness = np.where(values >= 1, values, 0).sum(0)[rows]
    chosen = list(rows[np.argsort(-badness, kind="stable")[: min(count, int((badness > 0).sum()))]])
    left = np.setdiff1d(rows, chosen)
    more = max(0, min(count - len(chosen), len(left)))
    spread = left[np.linspace(0, len(left) - 1, more).round().astype(int)] if more else []
    return sorted({int(track.frame[row]) for row in (*chosen, *spread)})


def spread_frames(track: PoseTrack, start_s: float, end_s: float, count: int) -> list[int]:
    """Return at most `count` frame numbers of an interval, in order and as far apart as they can be."""
    rows = rows_within(track, start_s, end_s)
    some = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    return [int(track.frame[row]) for row in rows[some]]


def rows_within(track: PoseTrack, start_s: float, end_s: float) -> NDArray[np.int64]:
    """Return the rows of a track in an item's interval, whose ends are rounded to the millisecond."""
    return np.flatnonzero((track.time_s >= start_s - 1e-3) & (track.time_s <= end_s + 1e-3))
