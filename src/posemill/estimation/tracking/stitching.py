"""Tracklet stitching: tracklets of one person before and after a gap, compared in the middle of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.motion import Motion
from posemill.estimation.tracking.settings import TrackingSettings
from posemill.estimation.tracking.similarity import body_similarity, oks_to_expected
from posemill.estimation.tracking.tracklet import Tracklet
from posemill.estimation.types import Pose
from posemill.pose.oks import box_area
from posemill.pose.skeleton import Skeleton

ENDS = 12  # poses at an end of a tracklet from which its motion there is estimated
MIN_POSES = 3  # a shorter tracklet has no motion to go by
REACH, FASTEST = 2.0, 6.0  # body sizes, and body sizes a second: tracklets farther apart are not compared


def stitch(tracklets: Sequence[Tracklet], skeleton: Skeleton, params: TrackingSettings) -> list[list[Tracklet]]:
    """Link tracklets to chains, each one person, in order of time; the most similar pairs are linked first."""
    pairs = [(_similarity(tracklets[i], tracklets[j], skeleton), i, j) for i, j in _near(tracklets, params.max_gap_s)]
    next_of: dict[int, int] = {}
    linked: set[int] = set()
    for similarity, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if similarity >= params.min_oks and i not in next_of and j not in linked:
            next_of[i] = j
            linked.add(j)
    chains = []
    for first in sorted(set(range(len(tracklets))) - linked):
        chain = [first]
        while chain[-1] in next_of:
            chain.append(next_of[chain[-1]])
        chains.append([tracklets[n] for n in chain])
    return chains


def _near(tracklets: Sequence[Tracklet], max_gap_s: float) -> Iterable[tuple[int, int]]:
    """Pairs of which the second begins within `max_gap_s` after the first ended, not farther than anybody runs."""
    enough = [n for n, tracklet in enumerate(tracklets) if len(tracklet.poses) >= MIN_POSES]
    starts = np.array([tracklets[n].times_s[0] for n in enough])  # tracklets are in order of their first pose
    centers = np.array([np.nanmean(tracklets[n].poses[0].xy, axis=0) for n in enough]).reshape(-1, 2)
    for i in enough:
        end_s, end = tracklets[i].times_s[-1], np.nanmean(tracklets[i].poses[-1].xy, axis=0)
        low, high = np.searchsorted(starts, [end_s, end_s + max_gap_s], side="right").tolist()
        distance = np.linalg.norm(centers[low:high] - end, axis=-1) / tracklets[i].motion.size_px
        near = distance <= REACH + FASTEST * (starts[low:high] - end_s)
        yield from ((i, enough[low + n]) for n in np.flatnonzero(near).tolist())


def _similarity(one: Tracklet, other: Tracklet, skeleton: Skeleton) -> float:
    """0..1, OKS in the middle of the gap, times the similarity of the bodies."""
    middle_s = (one.times_s[-1] + other.times_s[0]) / 2
    before = _extrapolated(one.poses[-ENDS:], one.times_s[-ENDS:], middle_s)
    after = _extrapolated(other.poses[:ENDS][::-1], [-t for t in other.times_s[:ENDS][::-1]], -middle_s)
    uncertain: NDArray[np.float64] = np.array([before.position_px2 + after.position_px2])
    similarity, _ = oks_to_expected(after.xy[None], before.xy[None], uncertain, skeleton)
    bodies = body_similarity(one.log_bone_lengths[None], other.log_bone_lengths[None])
    return float(similarity[0, 0] * bodies[0, 0])


def _extrapolated(poses: Sequence[Pose], times_s: Sequence[float], to_s: float) -> Motion:
    """Filter some poses, forward or (with negated times) backward, and predict another time."""
    motion = Motion(poses[0].xy, times_s[0], float(np.sqrt(box_area(poses[0].xy))))
    for pose, time_s in zip(poses[1:], times_s[1:], strict=True):
        motion.predict(time_s)
        motion.correct(pose.xy, float(np.sqrt(box_area(pose.xy))))
    motion.predict(to_s)
    return motion
