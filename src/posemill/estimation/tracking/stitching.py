"""Tracklet stitching: tracklets of one person before and after a gap, compared in the middle of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import exp

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.motion import Motion
from posemill.estimation.tracking.settings import TrackingSettings
from posemill.estimation.tracking.similarity import body_similarity, log_bone_lengths, oks_to_expected
from posemill.estimation.tracking.tracklet import Tracklet
from posemill.estimation.types import Pose
from posemill.pose.oks import box_area
from posemill.pose.skeleton import Skeleton

LONGEST = 2.5  # times max_gap_s: knowing both sides of a gap, one may reach farther than from one side
SURE_S = 0.3  # a gap up to this is no reason to doubt who came back
DECAY_S = 4.0  # time constant of the velocity; whoever is behind something mostly walks on
TURN = 1.0  # standard deviation of a change of velocity, body sizes per second^1.5
ENDS = 12  # poses at an end of a tracklet from which its motion there is estimated
MIN_POSES = 3  # a shorter tracklet has no motion to go by
REACH, FASTEST = 2.0, 6.0  # body sizes, and body sizes a second: tracklets farther apart are not compared


def stitch(tracklets: Sequence[Tracklet], skeleton: Skeleton, params: TrackingSettings) -> list[list[Tracklet]]:
    """Link tracklets to chains, each one person, in order of time; the most similar pairs are linked first.

    Tracklets are cut at longer gaps first: whoever came back was known by one pose then, and both sides are known now.
    """
    tracklets = sorted((p for t in tracklets for p in _pieces(t, skeleton)), key=lambda t: t.times_s[0])
    near = _near(tracklets, LONGEST * params.max_gap_s)
    pairs = [(_similarity(tracklets[i], tracklets[j], skeleton), i, j) for i, j in near]
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


def _pieces(tracklet: Tracklet, skeleton: Skeleton) -> list[Tracklet]:
    """Cut a tracklet where nobody was found for longer, if there is enough on both sides to know the person again."""
    gaps = np.flatnonzero(np.diff(tracklet.times_s) > SURE_S) + 1
    cuts = [0, *(n for n in gaps.tolist() if min(n, len(tracklet.poses) - n) >= MIN_POSES), len(tracklet.poses)]
    if len(cuts) == 2:
        return [tracklet]
    bones = log_bone_lengths(np.stack([pose.xy for pose in tracklet.poses]), skeleton.edge_index)
    pieces: list[Tracklet] = []
    for first, end in pairwise(cuts):
        if pieces and end - first < MIN_POSES:
            piece = pieces[-1]
        else:
            piece = Tracklet(tracklet.frames[first], tracklet.times_s[first], tracklet.poses[first], bones[first])
            pieces.append(piece)
            first += 1
        for n in range(first, end):
            piece.motion.predict(tracklet.times_s[n])
            piece.add(tracklet.frames[n], tracklet.times_s[n], tracklet.poses[n], bones[n])
    return pieces


def _near(tracklets: Sequence[Tracklet], longest_s: float) -> Iterable[tuple[int, int]]:
    """Pairs of which the second begins within `longest_s` after the first ended, not farther than anybody runs."""
    enough = [n for n, tracklet in enumerate(tracklets) if len(tracklet.poses) >= MIN_POSES]
    starts = np.array([tracklets[n].times_s[0] for n in enough])  # tracklets are in order of their first pose
    centers = np.array([np.nanmean(tracklets[n].poses[0].xy, axis=0) for n in enough]).reshape(-1, 2)
    for i in enough:
        end_s, end = tracklets[i].times_s[-1], np.nanmean(tracklets[i].poses[-1].xy, axis=0)
        low, high = np.searchsorted(starts, [end_s, end_s + longest_s], side="right").tolist()
        distance = np.linalg.norm(centers[low:high] - end, axis=-1) / tracklets[i].motion.size_px
        near = distance <= REACH + FASTEST * (starts[low:high] - end_s)
        yield from ((i, enough[low + n]) for n in np.flatnonzero(near).tolist())


def _similarity(one: Tracklet, other: Tracklet, skeleton: Skeleton) -> float:
    """0..1, OKS in the middle of the gap, times the similarity of bodies and of velocities."""
    middle_s = (one.times_s[-1] + other.times_s[0]) / 2
    before = _filtered(one.poses[-ENDS:], one.times_s[-ENDS:])
    after = _filtered(other.poses[:ENDS][::-1], [-t for t in other.times_s[:ENDS][::-1]])
    turn_px2 = (TURN * before.size_px) ** 2 * (other.times_s[0] - one.times_s[-1])
    turned = float(((before.velocity + after.velocity) ** 2).sum()) / (
        before.velocity_px2 + after.velocity_px2 + turn_px2
    )
    before.predict(middle_s)
    after.predict(-middle_s)
    uncertain: NDArray[np.float64] = np.array([before.position_px2 + after.position_px2])
    similarity, _ = oks_to_expected(after.xy[None], before.xy[None], uncertain, skeleton)
    bodies = body_similarity(one.log_bone_lengths[None], other.log_bone_lengths[None])
    return float(similarity[0, 0] * bodies[0, 0]) * exp(-turned / 2)


def _filtered(poses: Sequence[Pose], times_s: Sequence[float]) -> Motion:
    """Filter some poses, forward or (with negated times) backward."""
    motion = Motion(poses[0].xy, times_s[0], float(np.sqrt(box_area(poses[0].xy))), DECAY_S)
    for pose, time_s in zip(poses[1:], times_s[1:], strict=True):
        motion.predict(time_s)
        motion.correct(pose.xy, float(np.sqrt(box_area(pose.xy))))
    return motion
