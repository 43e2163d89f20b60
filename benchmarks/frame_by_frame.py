"""The first tracker of posemill, frame by frame with a velocity: what the present one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack, State

LOOSE = 4.0  # OKS judges annotations of a still; a moving person's keypoints may be twice as far apart
GROWTH_S = 0.1  # after this long unseen, the area in which a person may be has doubled
AHEAD_S = 0.3  # motion is continued for so long, then the person is expected to stay
MOMENTUM = 0.5


@dataclass(slots=True, eq=False)
class _Person:
    """Someone being followed; `velocity` is (2,) pixels per second of the whole body."""

    poses: list[Pose] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))

    def expected(self, time_s: float) -> NDArray[np.float32]:
        ahead = min(time_s - self.times_s[-1], AHEAD_S)
        return self.poses[-1].xy + self.velocity * np.float32(ahead)

    def add(self, frame: int, time_s: float, pose: Pose) -> None:
        if self.poses:
            moved = (pose.xy - self.poses[-1].xy)[_seen(pose.xy) & _seen(self.poses[-1].xy)]
            if len(moved):
                now = np.median(moved, 0) / np.float32(time_s - self.times_s[-1])
                self.velocity = (MOMENTUM * self.velocity + (1 - MOMENTUM) * now).astype(np.float32)
        self.poses.append(pose)
        self.frames.append(frame)
        self.times_s.append(time_s)

    @property
    def weight(self) -> float:
        """Size (side of the box, pixels) summed over the poses: the main subject comes first."""
        return float(sum(np.sqrt(box_area(pose.xy)) for pose in self.poses))


class FrameByFrame:
    """Feed it every frame in order, then ask for `tracks`."""

    def __init__(self, skeleton: Skeleton, params: TrackingParams) -> None:
        self._skeleton, self._params = skeleton, params
        self._active: list[_Person] = []
        self._all: list[_Person] = []
        self._looked_at = 0
        self._last_s = 0.0

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> None:
        """Give every pose of a frame to the person it fits best, or to a new one."""
        self._looked_at, self._last_s = self._looked_at + 1, time_s
        self._active = [p for p in self._active if time_s - p.times_s[-1] <= self._params.max_gap_s]
        poses = [pose for pose in poses if _seen(pose.xy).any()]
        people = dict(self._matches(time_s, poses))
        for number, pose in enumerate(poses):
            person = people.get(number)
            if person is None:
                person = _Person()
                self._active.append(person)
                self._all.append(person)
            person.add(frame, time_s, pose)

    def tracks(self) -> tuple[PoseTrack, ...]:
        """Everybody who stayed long enough, numbered from 0: the largest and longest in view first."""
        kept = sorted((p for p in self._all if self._long_enough(p)), key=lambda p: (-p.weight, p.times_s[0]))
        return tuple(_track(number, person, self._skeleton) for number, person in enumerate(kept))

    def _long_enough(self, person: _Person) -> bool:
        params = self._params
        return len(person.poses) >= min(params.min_poses, self._looked_at) and (
            person.times_s[-1] - person.times_s[0] >= min(params.min_duration_s, self._last_s)
        )

    def _matches(self, time_s: float, poses: Sequence[Pose]) -> list[tuple[int, _Person]]:
        """Pairs (number of pose, person) of the largest total similarity, each at least `min_oks`."""
        from scipy.optimize import linear_sum_assignment

        if not poses or not self._active:
            return []
        found = np.stack([pose.xy for pose in poses])
        similarity = np.stack([self._similarity(person, time_s, found) for person in self._active])
        similarity[similarity < self._params.min_oks] = 0
        rows, columns = linear_sum_assignment(similarity, maximize=True)
        return [(int(c), self._active[r]) for r, c in zip(rows, columns, strict=True) if similarity[r, c] > 0]

    def _similarity(self, person: _Person, time_s: float, found: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N,) OKS of each found pose with the person's expected one, over the keypoints that both have."""
        expected = person.expected(time_s)
        unseen_s = time_s - person.times_s[-1]
        area = (np.maximum(box_area(found), box_area(expected)) * LOOSE * (1 + unseen_s / GROWTH_S)).astype(np.float32)
        common = np.where(_seen(found)[..., None], expected, np.float32("nan"))
        return np.nan_to_num(oks(found, common, area, self._skeleton))


def _seen(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(xy).any(-1))


def _track(number: int, person: _Person, skeleton: Skeleton) -> PoseTrack:
    return PoseTrack(
        skeleton=skeleton,
        person=number,
        frame=np.array(person.frames, np.int32),
        time_s=np.array(person.times_s, np.float64),
        xy=np.stack([pose.xy for pose in person.poses]),
        confidence=np.stack([pose.confidence for pose in person.poses]),
        state=np.full(len(person.poses), State.PREDICTED, np.uint8),
    )
