"""Streaming choice of the main subject: the person who is biggest in the picture, kept while they are seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from posemill.applications.protocol import TrackedPose

HELD_S = 0.5  # absence before somebody else may take over
LARGER = 1.6  # times the height of the current one, for so long, to take over from somebody who is still seen
LARGER_FOR_S = 1.5


class MainSubject:
    """Follows one body through frames, across lost tracks and cuts."""

    def __init__(self) -> None:
        self._person: int | None = None
        self._seen_s = 0.0
        self._rival: tuple[int, float] | None = None  # who is larger, since when

    def choose(self, time_s: float, people: Mapping[int, TrackedPose]) -> int | None:
        """Return the number of the main subject in this frame; None = not in it."""
        sizes = {person: _height(pose) for person, pose in people.items()}
        sizes = {person: size for person, size in sizes.items() if size > 0}
        if self._person in sizes:
            self._seen_s = time_s
            self._contest(time_s, sizes)
        elif sizes and (self._person is None or time_s - self._seen_s > HELD_S):
            self._take(max(sizes, key=lambda p: sizes[p]), time_s)
        return self._person if self._person in sizes else None

    def _take(self, person: int, time_s: float) -> None:
        self._person, self._seen_s, self._rival = person, time_s, None

    def _contest(self, time_s: float, sizes: Mapping[int, float]) -> None:
        assert self._person is not None
        largest = max(sizes, key=lambda p: sizes[p])
        if largest == self._person or sizes[largest] < LARGER * sizes[self._person]:
            self._rival = None
        elif self._rival is None or self._rival[0] != largest:
            self._rival = (largest, time_s)
        elif time_s - self._rival[1] >= LARGER_FOR_S:
            self._take(largest, time_s)


def _height(pose: TrackedPose) -> float:
    """Return the diagonal of what is seen of a body, pixels; a body that lies is as big as one that stands."""
    seen = pose.xy[~np.isnan(pose.xy).any(-1)]
    return float(np.hypot(*np.ptp(seen, axis=0))) if len(seen) > 1 else 0.0
