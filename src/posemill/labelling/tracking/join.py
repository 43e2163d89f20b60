"""Pieces of one person, before and after a gap, become one: both are continued to the middle of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.labelling.base import Pose
from posemill.labelling.tracking.motion import Motion
from posemill.labelling.tracking.person import Person
from posemill.labelling.tracking.similarity import same_build, to_expected
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import Skeleton

ENDS = 12  # poses at an end of a piece that say how the body moves there
MIN_POSES = 3  # a shorter piece does not say


def join(people: Sequence[Person], skeleton: Skeleton, params: TrackingParams) -> list[list[Person]]:
    """Chains of pieces, each the whole of one person, in order of time."""
    from scipy.optimize import linear_sum_assignment

    worth = np.zeros((len(people), len(people)))
    for i, j in _neighbours(people, params.max_gap_s):
        alike = _alike(people[i], people[j], skeleton)
        worth[i, j] = alike if alike >= params.min_oks else 0.0
    after = {}
    if worth.any():
        rows, columns = linear_sum_assignment(worth, maximize=True)
        after = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0}
    chains = []
    for first in sorted(set(range(len(people))) - set(after.values())):
        chain = [first]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        chains.append([people[n] for n in chain])
    return chains


def _neighbours(people: Sequence[Person], max_gap_s: float) -> Iterable[tuple[int, int]]:
    """Pairs of which the second begins within `max_gap_s` after the first ended."""
    starts = np.array([p.times_s[0] for p in people])
    enough = np.array([len(p.poses) >= MIN_POSES for p in people], bool)
    for i in np.flatnonzero(enough).tolist():
        gap_s = starts - people[i].times_s[-1]
        yield from ((i, j) for j in np.flatnonzero(enough & (gap_s > 0) & (gap_s <= max_gap_s)).tolist())


def _alike(one: Person, other: Person, skeleton: Skeleton) -> float:
    """0..1, the similarity in the middle of the gap, times that of the builds."""
    middle_s = (one.times_s[-1] + other.times_s[0]) / 2
    before = _continued(one.poses[-ENDS:], one.times_s[-ENDS:], middle_s)
    after = _continued(other.poses[:ENDS][::-1], [-t for t in other.times_s[:ENDS][::-1]], -middle_s)
    unknown: NDArray[np.float64] = np.array([before.place_px2 + after.place_px2])
    alike, _ = to_expected(after.xy[None], before.xy[None], unknown, skeleton)
    return float(alike[0, 0] * same_build(one.measures[None], other.measures[None])[0, 0])


def _continued(poses: Sequence[Pose], times_s: Sequence[float], to_s: float) -> Motion:
    """Follow some poses, forward or (with negated times) backward, and go on to another time."""
    motion = Motion(poses[0].xy, times_s[0], float(np.sqrt(box_area(poses[0].xy))))
    for pose, time_s in zip(poses[1:], times_s[1:], strict=True):
        motion.advance(time_s)
        motion.correct(pose.xy, float(np.sqrt(box_area(pose.xy))))
    motion.advance(to_s)
    return motion
