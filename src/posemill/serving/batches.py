"""Micro-batching: windows of waiting requests share a model run. Requests are never delayed to form a batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from posemill.errors import Unavailable

Array = NDArray[np.float32]
BATCH = 32  # windows a run; larger requests go alone, since nothing is won any more
WAITING = 20_000  # windows, about 140 MB; more are refused


class MicroBatcher:
    """Runs `predict` in threads; requests that came in while they were busy are one batch.

    BentoML's adaptive batching holds requests back to fill a batch and refuses them when it guesses that they would
    wait too long; here a request that finds a free thread goes at once, and one that finds none goes with the next run.
    One event loop; not for use from other threads.
    """

    def __init__(self, predict: Callable[[Array], Array], threads: int, batch_size: int = BATCH) -> None:
        self._predict, self._threads, self._batch_size = predict, threads, batch_size
        self._pool = ThreadPoolExecutor(threads, "posemill-model")
        self._waiting: deque[tuple[Array, asyncio.Future[Array]]] = deque()
        self._busy = 0
        self.runs = 0  # of the model

    @property
    def waiting(self) -> int:
        """Number of windows that wait for a thread."""
        return sum(len(windows) for windows, _ in self._waiting)

    async def run(self, windows: Array) -> Array:
        """(N, …) → (N, C). Unavailable where far too many wait already; errors of `predict` come through."""
        if self._waiting and self.waiting + len(windows) > WAITING:
            raise Unavailable("too many windows wait already; try again in a few seconds")
        future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._waiting.append((windows, future))
        self._start()
        return await future

    def _start(self) -> None:
        while self._waiting and self._busy < self._threads:
            batch = self._take()
            if batch:
                self._busy += 1
                self.runs += 1
                work = asyncio.get_running_loop().run_in_executor(self._pool, self._predicted, [w for w, _ in batch])
                work.add_done_callback(partial(self._done, batch))

    def _take(self) -> list[tuple[Array, asyncio.Future[Array]]]:
        """Take the next batch: at least one request, more as long as they fit; cancelled ones are dropped."""
        batch: list[tuple[Array, asyncio.Future[Array]]] = []
        room = self._batch_size
        while self._waiting and (not batch or len(self._waiting[0][0]) <= room):
            windows, future = self._waiting.popleft()
            if not future.cancelled():
                batch.append((windows, future))
                room -= len(windows)
        return batch

    def _predicted(self, parts: list[Array]) -> Array:
        return self._predict(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def _done(self, batch: list[tuple[Array, asyncio.Future[Array]]], work: asyncio.Future[Array]) -> None:
        self._busy -= 1
        start = 0
        for windows, future in batch:
            end = start + len(windows)
            if not future.cancelled():
                if (exc := work.exception()) is not None:
                    future.set_exception(exc)
                else:
                    future.set_result(work.result()[start:end])
            start = end
        self._start()
