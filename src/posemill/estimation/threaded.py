"""A pose backend that answers every picture for itself, several at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.prefetch import mapped
from posemill.estimation.types import Pose

AHEAD = 2  # pictures that wait for each thread, so that none is idle


class ThreadedBackend(ABC):
    """Half of a PoseBackend: pictures are spread over threads, and none knows of those beside it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="posemill-pose")

    @abstractmethod
    def _found(self, image: NDArray[np.uint8]) -> list[Pose]:
        """Everybody in one picture, (H, W, 3) uint8 RGB. May run in threads."""

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        return list(self.stream(images))

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        """See engine.StreamingBackend."""
        return mapped(self._pool, self._found, images, AHEAD * self._threads)
