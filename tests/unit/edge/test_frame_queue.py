"""Bounded queue: the oldest goes, and is counted; a lossless one waits."""

from __future__ import annotations

import threading
import time

from posemill.edge.frame_queue import FrameQueue


def test_the_oldest_is_dropped_and_counted() -> None:
    changed = threading.Condition()
    queue: FrameQueue[int] = FrameQueue(2, changed)
    for n in range(5):
        queue.put(n)
    assert (len(queue), queue.dropped) == (2, 3)
    with changed:
        assert (queue.pop(), queue.pop()) == (3, 4)


def test_a_lossless_queue_waits_for_room() -> None:
    changed = threading.Condition()
    queue: FrameQueue[int] = FrameQueue(1, changed, lossless=True)
    writer = threading.Thread(target=lambda: [queue.put(n) for n in range(3)])
    writer.start()
    taken = []
    while len(taken) < 3:
        with changed:
            if len(queue):
                taken.append(queue.pop())
        time.sleep(0.001)
    writer.join(5)
    assert (taken, queue.dropped) == ([0, 1, 2], 0)


def test_closing_frees_who_waits() -> None:
    queue: FrameQueue[int] = FrameQueue(1, threading.Condition(), lossless=True)
    queue.put(0)
    writer = threading.Thread(target=queue.put, args=(1,))
    writer.start()
    queue.close()
    writer.join(5)
    assert not writer.is_alive()
    queue.put(2)
    assert len(queue) == 1
