"""Pieces of one person, before and after a gap, become one: both are continued to the middle of the gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.motion import Motion
from posemill.estimation.tracking.person import Person
from posemill.estimation.tracking.similarity import body_similarity, to_expected
from posemill.estimation.types import Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import Skeleton

ENDS = 12  # poses at an end of a piece that say how the body moves there
MIN_POSES = 3  # a shorter piece does not say
REACH, FASTEST = 2.0, 6.0  # body sizes, and body sizes a second: pieces farther apart are not looked at


def join(people: Sequence[Person], skeleton: Skeleton, params: TrackingParams) -> list[list[Person]]:
    """Chains of pieces, each the whole of one person, in order of time; those that agree best are joined first."""
    pairs = [(_alike(people[i], people[j], skeleton), i, j) for i, j in _neighbours(people, params.max_gap_s)]
    after: dict[int, int] = {}
    begun: set[int] = set()
    for alike, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if alike >= params.min_oks and i not in after and j not in begun:
            after[i] = j
            begun.add(j)
    chains = []
    for first in sorted(set(range(len(people))) - begun):
        chain = [first]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        chains.append([people[n] for n in chain])
    return chains


def _neighbours(people: Sequence[Person], max_gap_s: float) -> Iterable[tuple[int, int]]:
    """Pairs of which the second begins within `max_gap_s` after the first ended, not farther than anybody runs."""
    enough = [n for n, person in enumerate(people) if len(person.poses) >= MIN_POSES]
    starts = np.array([people[n].times_s[0] for n in enough])  # people are in order of their first pose
    places = np.array([np.nanmean(people[n].poses[0].xy, axis=0) for n in enough]).reshape(-1, 2)
    for i in enough:
        end_s, end = people[i].times_s[-1], np.nanmean(people[i].poses[-1].xy, axis=0)
        low, high = np.searchsorted(starts, [end_s, end_s + max_gap_s], side="right").tolist()
        away = np.linalg.norm(places[low:high] - end, axis=-1) / people[i].motion.size_px
        near = away <= REACH + FASTEST * (starts[low:high] - end_s)
        yield from ((i, enough[low + n]) for n in np.flatnonzero(near).tolist())


def _alike(one: Person, other: Person, skeleton: Skeleton) -> float:
    """0..1, the similarity in the middle of the gap, times that of the builds."""
    middle_s = (one.times_s[-1] + other.times_s[0]) / 2
    before = _continued(one.poses[-ENDS:], one.times_s[-ENDS:], middle_s)
    after = _continued(other.poses[:ENDS][::-1], [-t for t in other.times_s[:ENDS][::-1]], -middle_s)
    unknown: NDArray[np.float64] = np.array([before.place_px2 + after.place_px2])
    alike, _ = to_expected(after.xy[None], before.xy[None], unknown, skeleton)
    return float(alike[0, 0] * body_similarity(one.measures[None], other.measures[None])[0, 0])


def _continued(poses: Sequence[Pose], times_s: Sequence[float], to_s: float) -> Motion:
    """Follow some poses, forward or (with negated times) backward, and go on to another time."""
    motion = Motion(poses[0].xy, times_s[0], float(np.sqrt(box_area(poses[0].xy))))
    for pose, time_s in zip(poses[1:], times_s[1:], strict=True):
        motion.advance(time_s)
        motion.correct(pose.xy, float(np.sqrt(box_area(pose.xy))))
    motion.advance(to_s)
    return motion
