"""Online tracking: people by number, frame by frame, with bounded memory."""

from __future__ import annotations

from posemill.estimation.tracking.settings import TrackingSettings
from posemill.estimation.tracking.tracker import Tracker
from posemill.estimation.tracking.tracklet import Tracklet
from posemill.estimation.types import FramePoses, Pose
from posemill.pose.skeleton import Skeleton


class OnlineTracker:
    """Number the people of a stream as its frames come; what was said of a frame is never taken back.

    A person gets a number with the `min_poses`-th pose, so that a flicker gets none; who is not found for longer than
    `max_gap_s` comes back as a new one. `Tracker.tracks` can link such pieces, since it sees the whole video.

    Examples:
        >>> import numpy as np
        >>> from posemill.params.tracking import TrackingParams
        >>> from posemill.pose.skeleton import COCO_17
        >>> tracker = OnlineTracker(COCO_17, TrackingParams(min_poses=2))
        >>> pose = Pose(np.random.default_rng(0).uniform(0, 99, (17, 2)).astype("f4"), np.ones(17, "f4"), 0.9)
        >>> [sorted(tracker.update(FramePoses(n, n / 25, [pose]))) for n in range(3)]
        [[], [0], [0]]
    """

    def __init__(self, skeleton: Skeleton, params: TrackingSettings) -> None:
        self.skeleton = skeleton
        self._params = params
        self._tracker = Tracker(skeleton, self._params)
        self._seen: dict[Tracklet, int] = {}  # poses of those without a number
        self._number: dict[Tracklet, int] = {}
        self._next = 0

    def update(self, frame: FramePoses) -> dict[int, Pose]:
        """Return the people of the next frame by number."""
        people: dict[int, Pose] = {}
        for tracklet in self._tracker.update(frame.frame, frame.time_s, frame.poses):
            self._count(tracklet)
            if tracklet in self._number:
                people[self._number[tracklet]] = tracklet.poses[-1]
        self._tracker.drop_history()
        kept = set(self._tracker.active)
        self._seen = {t: n for t, n in self._seen.items() if t in kept}
        self._number = {t: n for t, n in self._number.items() if t in kept}
        return people

    def _count(self, tracklet: Tracklet) -> None:
        if tracklet in self._number:
            return
        self._seen[tracklet] = self._seen.get(tracklet, 0) + 1
        if self._seen[tracklet] >= self._params.min_poses:
            self._number[tracklet] = self._next
            self._next += 1
            del self._seen[tracklet]
