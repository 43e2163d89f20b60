"""Pose backends that process several pictures at once: their base in a thread pool, and how pictures stream through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.prefetch import batched, mapped
from posemill.estimation.types import Pose, PoseBackend, StreamingBackend

AHEAD = 2  # pictures that wait for each thread, so that none is idle


class ThreadedBackend(ABC):
    """Half of a PoseBackend: pictures are spread over threads, each processed for itself."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="posemill-pose")

    @abstractmethod
    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        """Pose everybody in one picture, (H, W, 3) uint8 RGB. May run in threads."""

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        return list(self.stream(images))

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        """See StreamingBackend."""
        return mapped(self._pool, self._pose_image, images, AHEAD * self._threads)


def stream_through(
    backend: PoseBackend, images: Iterable[NDArray[np.uint8]], batch: int
) -> Generator[Sequence[Pose], None, None]:
    """Yield the poses of every picture in order, through the backend's own stream or else in batches of this size."""
    if isinstance(backend, StreamingBackend):
        yield from backend.stream(images)
    else:
        for some in batched(images, batch):
            yield from backend.poses(some)
