"""The newest poses of one person, for activity models that see a window of them."""

from __future__ import annotations

from collections import deque

import numpy as np

from posemill.applications.protocol import TrackedPose
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack

KEPT_HZ = 30.0  # of faster cameras every pose is not needed


class RecentPoses:
    """The poses of the newest seconds of one person, at most 30 a second.

    Args:
        skeleton: of every pose.
        keep_s: how far back poses are kept.
    """

    def __init__(self, skeleton: Skeleton, keep_s: float) -> None:
        self._skeleton = skeleton
        self._poses: deque[tuple[float, TrackedPose]] = deque(maxlen=int(KEPT_HZ * keep_s) + 2)

    def __len__(self) -> int:
        return len(self._poses)

    def add(self, time_s: float, pose: TrackedPose) -> None:
        """Keep a pose."""
        if not self._poses or time_s - self._poses[-1][0] >= 0.9 / KEPT_HZ:
            self._poses.append((time_s, pose))

    def track(self, start_s: float, end_s: float) -> PoseTrack | None:
        """Return the poses between two times as a track; None where fewer than two were kept."""
        kept = [(time_s, pose) for time_s, pose in self._poses if start_s <= time_s <= end_s]
        if len(kept) < 2:
            return None
        poses = [pose for _, pose in kept]
        depth = [pose.z for pose in poses if pose.z is not None]
        return PoseTrack(
            skeleton=self._skeleton,
            person=0,
            frame=np.arange(len(kept), dtype=np.int32),
            time_s=np.array([time_s for time_s, _ in kept]),
            xy=np.stack([pose.xy for pose in poses]).astype(np.float32),
            confidence=np.stack([pose.confidence for pose in poses]).astype(np.float32),
            state=np.zeros(len(kept), np.uint8),
            z=np.stack(depth).astype(np.float32) if len(depth) == len(poses) else None,
        )
