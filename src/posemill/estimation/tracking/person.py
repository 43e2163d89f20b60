"""Somebody who is followed: the poses so far, where the next one is expected, and the body's measures."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.motion import Motion
from posemill.estimation.types import Pose
from posemill.pose.oks import box_area

MEASURE = 0.1  # share of the newest pose in the running measures


class Person:
    """Poses with their frames and times, and the `motion` that expects the next.

    measures  (E,) float64: running mean of the logarithm of every bone's length in pixels; NaN = not measured.
    """

    def __init__(self, frame: int, time_s: float, pose: Pose, measures: NDArray[np.float64]) -> None:
        self.frames, self.times_s, self.poses = [frame], [time_s], [pose]
        size_px = sqrt(float(box_area(pose.xy)))
        self.motion, self.measures = Motion(pose.xy, time_s, size_px), measures
        self.presence = size_px  # size summed over the poses: the person whom a video shows has most

    def add(self, frame: int, time_s: float, pose: Pose, measures: NDArray[np.float64]) -> None:
        """The pose found now; `motion` must have advanced to `time_s`."""
        size_px = sqrt(float(box_area(pose.xy)))
        self.motion.correct(pose.xy, size_px)
        self.presence += size_px
        new = np.isnan(self.measures)
        self.measures = np.where(new, measures, self.measures + MEASURE * np.nan_to_num(measures - self.measures))
        self.frames.append(frame)
        self.times_s.append(time_s)
        self.poses.append(pose)
