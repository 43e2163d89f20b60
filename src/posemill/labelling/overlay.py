"""Tracks drawn on the frames that they were found in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import MediumTracks
from posemill.video.decode import Frame, read_frames
from posemill.video.draw import PEOPLE, draw_pose

Found = tuple[int, NDArray[np.float32], NDArray[np.float32]]


class Overlay:
    """Draws every person in a colour of the trunk that stays the same."""

    def __init__(self, tracks: MediumTracks) -> None:
        self._skeleton = tracks.skeleton
        self._at: dict[int, list[Found]] = {}
        for track in tracks.tracks:
            for frame, xy, confidence in zip(track.frame.tolist(), track.xy, track.confidence, strict=True):
                self._at.setdefault(frame, []).append((track.person, xy, confidence))

    def frames(
        self, path: Path, start_s: float = 0.0, end_s: float = float("inf")
    ) -> Iterator[tuple[Frame, list[int]]]:
        """Frames of start_s <= time_s < end_s with skeletons, and the numbers of the people in them."""
        for frame in read_frames(path):
            if frame.time_s >= end_s:
                return
            if frame.time_s >= start_s:
                yield self.draw(frame)

    def draw(self, frame: Frame) -> tuple[Frame, list[int]]:
        """A copy of the frame with skeletons, and the numbers of the people in it."""
        people, image = self._at.get(frame.index, []), frame.image
        for person, xy, confidence in people:
            image = draw_pose(image, xy, confidence, self._skeleton, PEOPLE[person % len(PEOPLE)])
        return replace(frame, image=image), [person for person, _, _ in people]
