"""A tracklet: one person's poses without a longer gap, with motion and running log bone lengths."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.motion import Motion
from posemill.estimation.types import Pose
from posemill.pose.oks import box_area

BONE_GAIN = 0.1  # share of the newest pose in the running mean of log bone lengths


class Tracklet:
    """Poses with their frames and times, and the `motion` that expects the next.

    log_bone_lengths  (E,) float64: running mean of the logarithm of every bone's length in pixels; NaN = not seen yet.
    weight            body size summed over the poses: the main subject of a video has most.
    count             number of poses so far, also of those that were dropped.
    """

    def __init__(self, frame: int, time_s: float, pose: Pose, log_bone_lengths: NDArray[np.float64]) -> None:
        self.frames, self.times_s, self.poses = [frame], [time_s], [pose]
        size_px = sqrt(float(box_area(pose.xy)))
        self.motion, self.log_bone_lengths = Motion(pose.xy, time_s, size_px), log_bone_lengths
        self.weight, self.count = size_px, 1

    def add(self, frame: int, time_s: float, pose: Pose, log_bone_lengths: NDArray[np.float64]) -> None:
        """Append the pose detected now; `motion` must have been predicted to `time_s`."""
        size_px = sqrt(float(box_area(pose.xy)))
        self.motion.correct(pose.xy, size_px)
        self.weight += size_px
        self.count += 1
        mean = self.log_bone_lengths
        updated = mean + BONE_GAIN * np.nan_to_num(log_bone_lengths - mean)
        self.log_bone_lengths = np.where(np.isnan(mean), log_bone_lengths, updated)
        self.frames.append(frame)
        self.times_s.append(time_s)
        self.poses.append(pose)

    def drop_history(self) -> None:
        """Keep the newest pose only; motion, body and weight stay."""
        del self.frames[:-1], self.times_s[:-1], self.poses[:-1]
