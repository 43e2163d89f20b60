"""Poses go to whom they fit best, by similarity (OKS) to where each person is expected, the sure ones first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.join import join
from posemill.estimation.tracking.person import Person
from posemill.estimation.tracking.similarity import body_similarity, log_lengths, to_each_other, to_expected
from posemill.estimation.types import Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.gaps import fill_gaps
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack, State

SURE = 0.5  # a pose is sure from this share of the usual confidence of this video's people; figures differ by network
LATELY_S = 0.2  # whoever was not found for longer is known again by place and build only
USUAL = 0.02  # share of the newest pose in the usual confidence


class Tracker:
    """Feed it every frame in order, then ask for `tracks`."""

    def __init__(self, skeleton: Skeleton, params: TrackingParams) -> None:
        self._skeleton, self._params = skeleton, params
        self._edges = skeleton.edge_index
        self._active: list[Person] = []
        self._all: list[Person] = []
        self._frames: list[int] = []
        self._times_s: list[float] = []
        self._usual: float | None = None

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> None:
        """Give every pose of a frame to the person it fits best, or to a new one."""
        self._frames.append(frame)
        self._times_s.append(time_s)
        self._active = [p for p in self._active if time_s - p.times_s[-1] <= self._params.max_gap_s]
        for person in self._active:
            person.motion.advance(time_s)
        poses = [pose for pose in poses if not np.isnan(pose.xy).all()]
        if not poses:
            return
        xy = np.stack([pose.xy for pose in poses])
        measures = log_lengths(xy, self._edges)
        for number, person in self._assigned(time_s, poses, xy, measures).items():
            if person is None:
                self._begin(frame, time_s, poses[number], measures[number])
            else:
                person.add(frame, time_s, poses[number], measures[number])
                self._learn(poses[number].person_confidence)

    def tracks(self) -> tuple[PoseTrack, ...]:
        """Everybody who stayed long enough, numbered from 0: the largest and longest in view first.

        Short gaps are filled, see TrackingParams.interpolate_s.
        """
        chains = [c for c in join(self._all, self._skeleton, self._params) if self._long_enough(c)]
        chains.sort(key=lambda chain: (-sum(p.presence for p in chain), chain[0].times_s[0]))
        looked_at = np.array(self._frames, np.int32), np.array(self._times_s, np.float64)
        return tuple(
            fill_gaps(_track(number, chain, self._skeleton), *looked_at, self._params.interpolate_s)
            for number, chain in enumerate(chains)
        )

    def _long_enough(self, chain: list[Person]) -> bool:
        params = self._params
        return sum(len(p.poses) for p in chain) >= min(params.min_poses, len(self._frames)) and (
            chain[-1].times_s[-1] - chain[0].times_s[0] >= min(params.min_duration_s, self._times_s[-1])
        )

    def _begin(self, frame: int, time_s: float, pose: Pose, measures: NDArray[np.float64]) -> None:
        person = Person(frame, time_s, pose, measures)
        self._active.append(person)
        self._all.append(person)
        self._learn(pose.person_confidence)

    def _learn(self, confidence: float) -> None:
        self._usual = confidence if self._usual is None else self._usual + USUAL * (confidence - self._usual)

    def _assigned(
        self, time_s: float, poses: Sequence[Pose], xy: NDArray[np.float32], measures: NDArray[np.float64]
    ) -> dict[int, Person | None]:
        """Number of pose → its person, None = a new one; doubles are left out."""
        before_s = self._times_s[-2] if len(self._times_s) > 1 else time_s
        last_s = np.array([p.times_s[-1] for p in self._active])
        lately = last_s >= min(time_s - LATELY_S, before_s)
        alike, worth = self._compared([p.motion.xy for p in self._active], xy, measures, lately)
        confidence = np.array([pose.person_confidence for pose in poses])
        each_other = to_each_other(xy, self._skeleton) if len(poses) > 1 else np.ones((1, 1))
        claims = (alike[last_s >= before_s] >= self._params.min_oks).sum(0)
        double = self._doubles(each_other, confidence, claims)
        sure = confidence >= SURE * (self._usual or 0.0)
        taken: dict[int, int] = {}  # number of pose → number of person
        for these in (sure & ~double, ~sure & ~double):
            taken |= self._best(alike, worth, taken, np.ones(len(lately), bool), these)
        if len(taken) < (~double).sum() and lately.any():  # somebody turned round: near where last found
            alike, worth = self._compared([p.poses[-1].xy for p in self._active], xy, measures, lately)
            taken |= self._best(alike, worth, taken, lately, ~double)
        found: dict[int, Person | None] = {n: self._active[i] for n, i in taken.items()}
        for number in np.flatnonzero(~double).tolist():
            if number not in found and not any(each_other[number, n] >= self._params.double_oks for n in found):
                found[number] = None
        return found

    def _compared(
        self,
        people: list[NDArray[np.float32]],
        xy: NDArray[np.float32],
        measures: NDArray[np.float64],
        lately: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(M, N) OKS of a pose of every active person with every found one, and what it is worth.

        Whoever was lost for a while is known again by place and build; of the others the build only says whom first.
        """
        if not people:
            return np.zeros((0, len(xy))), np.zeros((0, len(xy)))
        place_px2 = np.array([p.motion.place_px2 for p in self._active])
        alike, worth = to_expected(xy, np.stack(people), place_px2, self._skeleton)
        build = body_similarity(np.stack([p.measures for p in self._active]), measures)
        return np.where(lately[:, None], alike, alike * build), worth * build

    def _best(
        self,
        alike: NDArray[np.float64],
        worth: NDArray[np.float64],
        taken: dict[int, int],
        people: NDArray[np.bool_],
        poses: NDArray[np.bool_],
    ) -> dict[int, int]:
        """Pairs pose → person of the largest total worth, of those that are free and alike enough."""
        from scipy.optimize import linear_sum_assignment

        rows = [i for i in np.flatnonzero(people).tolist() if i not in taken.values()]
        columns = [n for n in np.flatnonzero(poses).tolist() if n not in taken]
        if not rows or not columns:
            return {}
        grid = np.ix_(rows, columns)
        value = np.where(alike[grid] >= self._params.min_oks, worth[grid], 0.0)
        pairs = zip(*linear_sum_assignment(value, maximize=True), strict=True)
        return {columns[c]: rows[r] for r, c in pairs if value[r, c] > 0}

    def _doubles(
        self, each_other: NDArray[np.float64], confidence: NDArray[np.float64], claims: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """(N,) poses that show the same body as a surer one, unless two people of the frame before claim them."""
        double = np.zeros(len(confidence), bool)
        order = np.argsort(-confidence, kind="stable")
        for place, number in enumerate(order):
            surer = [n for n in order[:place] if not double[n] and each_other[number, n] >= self._params.double_oks]
            double[number] = len(surer) >= max(1, int(claims[number]))
        return double


def _track(number: int, chain: list[Person], skeleton: Skeleton) -> PoseTrack:
    poses = [pose for person in chain for pose in person.poses]
    return PoseTrack(
        skeleton=skeleton,
        person=number,
        frame=np.array([frame for person in chain for frame in person.frames], np.int32),
        time_s=np.array([time_s for person in chain for time_s in person.times_s], np.float64),
        xy=np.stack([pose.xy for pose in poses]),
        confidence=np.stack([pose.confidence for pose in poses]),
        state=np.full(len(poses), State.PREDICTED, np.uint8),
    )
