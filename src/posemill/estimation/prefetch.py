"""Prefetching iterators: a bounded number of items is computed ahead in threads, in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """End of the items, put last by the thread, with the error that ended it."""

    error: BaseException | None


def prefetched(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Prefetch items in a thread, at most `depth` ahead. An error of `items` is raised here, in its place.

    Closing the iterator ends the thread.
    """
    waiting: queue.Queue[T | _End[T]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: T | _End[T]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as exc:  # raised again where the items are used
            error = exc
        put(_End(error))

    thread = threading.Thread(target=work, name="posemill-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Batch items into lists of `size`; the last one may be shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def mapped(pool: Executor, function: Callable[[A], T], items: Iterable[A], depth: int) -> Generator[T, None, None]:
    """Map a function over items in a pool, in the order of the items, with at most `depth` under way.

    An error of `items` is raised after what the items before it gave. Closing the iterator waits for what is under way.
    """
    waiting: deque[Future[T]] = deque()
    source = iter(items)
    error: Exception | None = None  # what ended the items
    try:
        while True:
            while error is None and len(waiting) < depth:
                try:
                    waiting.append(pool.submit(function, next(source)))
                except Exception as exc:  # also the end of the items
                    error = exc
            if not waiting:
                break
            yield waiting.popleft().result()
        if error is not None and not isinstance(error, StopIteration):
            raise error
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting)
