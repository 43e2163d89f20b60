"""Bounded queue of frames: where the next stage is slower, the oldest frame is dropped and counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameQueue(Generic[T]):
    """A queue between two threads or more.

    Args:
        most: items that wait.
        changed: notified whenever an item comes, so that one thread may wait for several queues.
        lossless: `put` waits for room instead of dropping, as for files.
    """

    def __init__(self, most: int, changed: threading.Condition, lossless: bool = False) -> None:
        self.dropped = 0
        self._most, self._changed, self._lossless = most, changed, lossless
        self._items: deque[T] = deque()
        self._closed = False

    def put(self, item: T) -> None:
        """Add an item; the oldest is dropped where there are too many. After `close` nothing is taken."""
        with self._changed:
            while self._lossless and len(self._items) >= self._most and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            if len(self._items) >= self._most:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def pop(self) -> T:
        """Return the oldest item; the caller holds `changed`, and there is one."""
        item = self._items.popleft()
        self._changed.notify_all()
        return item

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """Take no more items, and free who waits to put one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
