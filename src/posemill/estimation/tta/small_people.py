"""Input size by the size of the people: pictures of small people are posed once more, at a longer edge.

A network finds people best at the size that it was trained with. Most videos show people who are large enough at the
usual long edge; where somebody is small, others are smaller still and are not found at all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.threaded import stream_through
from posemill.estimation.types import Image, Pose, PoseBackend
from posemill.params.tta import SmallPeopleParams
from posemill.pose.geometry import box_size

MIN_CONFIDENCE = 0.2  # of a person whose size counts; below it are patterns of the background, mostly
BATCH = 8  # pictures, where the backend has no stream of its own


class SmallPeopleBackend:
    """See PoseBackend: a backend, and the same at a longer edge for pictures with small people.

    The answer of such a picture is the longer edge's alone: two sizes disagree about who is one person.

    load_at       gives the backend at a long edge; the longer one is loaded when it is first needed.
    long_edge_px  the usual one.
    """

    def __init__(
        self, load_at: Callable[[int], PoseBackend], long_edge_px: int, small_people: SmallPeopleParams
    ) -> None:
        self._load_at, self._long_edge_px, self._small = load_at, long_edge_px, small_people
        self._usual = load_at(long_edge_px)
        self._large: PoseBackend | None = None
        self._loading = threading.Lock()
        self.skeleton = self._usual.skeleton

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        small_people = {**self._small.model_dump(), "code": pose_code(__name__)}
        return {**self._usual.describe(), "small_people": small_people}

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """See PoseBackend."""
        return [list(poses) for poses in self.stream(images)]

    def stream(self, images: Iterable[Image]) -> Iterator[Sequence[Pose]]:
        """See StreamingBackend."""
        waiting: deque[Image] = deque()

        def kept() -> Iterator[Image]:
            for image in images:
                waiting.append(image)
                yield image

        for poses in stream_through(self._usual, kept(), BATCH):
            image = waiting.popleft()
            yield self._longer().poses([image])[0] if self._has_small(poses, image) else poses

    def _has_small(self, poses: Iterable[Pose], image: Image) -> bool:
        scale = (self._long_edge_px - 1) / max(*image.shape[:2], 2)
        sure = [pose for pose in poses if pose.person_confidence >= MIN_CONFIDENCE]
        return any(scale * float(box_size(pose.xy).max()) < self._small.below_px for pose in sure)

    def _longer(self) -> PoseBackend:
        with self._loading:
            if self._large is None:
                self._large = self._load_at(self._small.long_edge_px)
            return self._large
