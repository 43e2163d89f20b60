"""Multi-person tracking by OKS to the expected poses, confident detections first (as in ByteTrack)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.assignment import linear_assignment
from posemill.estimation.tracking.settings import TrackingSettings
from posemill.estimation.tracking.similarity import body_similarity, log_bone_lengths, oks_pairwise, oks_to_expected
from posemill.estimation.tracking.stitching import stitch
from posemill.estimation.tracking.tracklet import Tracklet
from posemill.estimation.types import Pose
from posemill.pose.gaps import fill_gaps
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack, State

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CONFIDENT = 0.5  # from this share of the usual confidence of this video's people; figures differ by network
LATELY_S = 0.2  # whoever was not found for longer is known again by position and body only
ESTABLISHED, NEW_TRUST = 3, 0.5  # a tracklet of fewer poses is often a body's second pose: its gain counts less
USUAL_GAIN = 0.02  # share of the newest pose in the usual confidence


class Tracker:
    """Track people online: `update` with every frame in order, then ask for `tracks`.

    Examples:
        >>> from posemill.params.tracking import TrackingParams
        >>> from posemill.pose.skeleton import COCO_17
        >>> tracker = Tracker(COCO_17, TrackingParams())
        >>> xy = np.random.default_rng(0).uniform(0, 100, (17, 2)).astype(np.float32)
        >>> for frame in range(10):
        ...     _ = tracker.update(frame, frame / 25, [Pose(xy, np.ones(17, np.float32), 0.9)])
        >>> [len(track) for track in tracker.tracks()]
        [10]
    """

    def __init__(self, skeleton: Skeleton, params: TrackingSettings) -> None:
        self._skeleton, self._params = skeleton, params
        self._edges = skeleton.edge_index
        self._active: list[Tracklet] = []
        self._all: list[Tracklet] = []
        self._frames: list[int] = []
        self._times_s: list[float] = []
        self._usual: float | None = None

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> list[Tracklet]:
        """Assign every pose of a frame to the tracklet it fits best, or to a new one; return those that got a pose."""
        self._frames.append(frame)
        self._times_s.append(time_s)
        self._active = [t for t in self._active if time_s - t.times_s[-1] <= self._params.max_gap_s]
        for tracklet in self._active:
            tracklet.motion.predict(time_s)
        poses = [pose for pose in poses if not np.isnan(pose.xy).all()]
        if not poses:
            return []
        xy = np.stack([pose.xy for pose in poses])
        bones = log_bone_lengths(xy, self._edges)
        updated = []
        for number, assigned in self._assign(time_s, poses, xy, bones).items():
            if assigned is None:
                updated.append(self._begin(frame, time_s, poses[number], bones[number]))
            else:
                assigned.add(frame, time_s, poses[number], bones[number])
                self._learn(poses[number].person_confidence)
                updated.append(assigned)
        return updated

    @property
    def active(self) -> tuple[Tracklet, ...]:
        """Tracklets that the next frame's poses may belong to."""
        return tuple(self._active)

    def drop_history(self) -> None:
        """Forget what the next frames do not need, so that memory is bounded; `tracks` then lacks it."""
        self._all = list(self._active)
        self._frames, self._times_s = self._frames[-2:], self._times_s[-2:]
        for tracklet in self._active:
            tracklet.drop_history()

    def tracks(self) -> tuple[PoseTrack, ...]:
        """Return everybody who stayed long enough, numbered from 0: the largest and longest in view first.

        Short gaps are filled, see TrackingParams.interpolate_s.
        """
        chains = [c for c in stitch(self._all, self._skeleton, self._params) if self._long_enough(c)]
        chains.sort(key=lambda chain: (-sum(t.weight for t in chain), chain[0].times_s[0]))
        sampled = np.array(self._frames, np.int32), np.array(self._times_s, np.float64)
        return tuple(
            fill_gaps(_track(number, chain, self._skeleton), *sampled, self._params.interpolate_s)
            for number, chain in enumerate(chains)
        )

    def _long_enough(self, chain: list[Tracklet]) -> bool:
        params = self._params
        return sum(len(t.poses) for t in chain) >= min(params.min_poses, len(self._frames)) and (
            chain[-1].times_s[-1] - chain[0].times_s[0] >= min(params.min_duration_s, self._times_s[-1])
        )

    def _begin(self, frame: int, time_s: float, pose: Pose, bones: Floats) -> Tracklet:
        tracklet = Tracklet(frame, time_s, pose, bones)
        self._active.append(tracklet)
        self._all.append(tracklet)
        self._learn(pose.person_confidence)
        return tracklet

    def _learn(self, confidence: float) -> None:
        self._usual = confidence if self._usual is None else self._usual + USUAL_GAIN * (confidence - self._usual)

    def _assign(
        self, time_s: float, poses: Sequence[Pose], xy: NDArray[np.float32], bones: Floats
    ) -> dict[int, Tracklet | None]:
        """Number of pose → its tracklet, None = a new one; duplicates are left out."""
        before_s = self._times_s[-2] if len(self._times_s) > 1 else time_s
        last_s = np.array([t.times_s[-1] for t in self._active])
        lately = last_s >= min(time_s - LATELY_S, before_s)
        similarity, gain = self._compare([t.motion.xy for t in self._active], xy, bones, lately)
        confidence = np.array([pose.person_confidence for pose in poses])
        pairwise = oks_pairwise(xy, self._skeleton) if len(poses) > 1 else np.ones((1, 1))
        claims = (similarity[last_s >= before_s] >= self._params.min_oks).sum(0)
        duplicate = self._duplicates(pairwise, confidence, claims)
        confident = confidence >= CONFIDENT * (self._usual or 0.0)
        taken: dict[int, int] = {}  # number of pose → number of tracklet
        for these in (confident & ~duplicate, ~confident & ~duplicate):
            taken |= self._match(similarity, gain, taken, np.ones(len(lately), bool), these)
        if len(taken) < (~duplicate).sum() and lately.any():  # somebody turned round: near where last found
            similarity, gain = self._compare([t.poses[-1].xy for t in self._active], xy, bones, lately)
            taken |= self._match(similarity, gain, taken, lately, ~duplicate)
        assigned: dict[int, Tracklet | None] = {n: self._active[i] for n, i in taken.items()}
        for number in np.flatnonzero(~duplicate).tolist():
            if number not in assigned and not any(pairwise[number, n] >= self._params.double_oks for n in assigned):
                assigned[number] = None
        return assigned

    def _compare(
        self, expected: list[NDArray[np.float32]], xy: NDArray[np.float32], bones: Floats, lately: Flags
    ) -> tuple[Floats, Floats]:
        """(M, N) similarity of a pose of every active tracklet with every detected one, and the gain of a match.

        Whoever was lost for a while is known again by position and body; of the others the body only ranks the gain.
        """
        if not expected:
            return np.zeros((0, len(xy))), np.zeros((0, len(xy)))
        position_px2 = np.array([t.motion.position_px2 for t in self._active])
        similarity, gain = oks_to_expected(xy, np.stack(expected), position_px2, self._skeleton)
        body = body_similarity(np.stack([t.log_bone_lengths for t in self._active]), bones)
        new = np.array([t.count < ESTABLISHED for t in self._active])
        trust = np.where(new, NEW_TRUST, 1.0)[:, None]
        return np.where(lately[:, None], similarity, similarity * body), gain * body * trust

    def _match(
        self, similarity: Floats, gain: Floats, taken: dict[int, int], tracklets: Flags, poses: Flags
    ) -> dict[int, int]:
        """Pairs pose → tracklet of the largest total gain, of those that are free and similar enough (Hungarian)."""
        rows = [i for i in np.flatnonzero(tracklets).tolist() if i not in taken.values()]
        columns = [n for n in np.flatnonzero(poses).tolist() if n not in taken]
        if not rows or not columns:
            return {}
        grid = np.ix_(rows, columns)
        value = np.where(similarity[grid] >= self._params.min_oks, gain[grid], 0.0)
        return {columns[c]: rows[r] for r, c in linear_assignment(value) if value[r, c] > 0}

    def _duplicates(self, pairwise: Floats, confidence: Floats, claims: NDArray[np.int64]) -> Flags:
        """(N,) poses that show the same body as a more confident one, unless two tracklets of the frame before claim
        them.
        """
        duplicate = np.zeros(len(confidence), bool)
        order = np.argsort(-confidence, kind="stable")
        for rank, number in enumerate(order):
            better = [n for n in order[:rank] if not duplicate[n] and pairwise[number, n] >= self._params.double_oks]
            duplicate[number] = len(better) >= max(1, int(claims[number]))
        return duplicate


def _track(number: int, chain: list[Tracklet], skeleton: Skeleton) -> PoseTrack:
    poses = [pose for tracklet in chain for pose in tracklet.poses]
    depth = [pose.z for pose in poses if pose.z is not None]
    return PoseTrack(
        skeleton=skeleton,
        person=number,
        frame=np.array([frame for tracklet in chain for frame in tracklet.frames], np.int32),
        time_s=np.array([time_s for tracklet in chain for time_s in tracklet.times_s], np.float64),
        xy=np.stack([pose.xy for pose in poses]),
        confidence=np.stack([pose.confidence for pose in poses]),
        state=np.full(len(poses), State.PREDICTED, np.uint8),
        z=np.stack(depth) if len(depth) == len(poses) else None,
    )
