"""Dispatcher: sends messages to receivers in the background, and tries again until they are delivered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Self

from posemill.delivery.receiver import M, Receiver, Undeliverable, Undelivered
from posemill.delivery.spool import Spool
from posemill.errors import PosemillError

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 300.0  # between attempts, doubled each time
_log = logging.getLogger("posemill.channels")


class Dispatcher(Generic[M]):
    """Messages to receivers, for the length of a `with`. A receiver that is away never holds up the stream.

    A message is on disk before `send` returns, and leaves it when it is delivered: what a crash or the end of the
    program left behind is sent by the next dispatcher on the same folder. So everything is delivered at least once, and
    its id tells repetitions.

    Args:
        receivers: where to.
        folder: for what is not delivered yet, a folder a receiver.
        decode: reads a message from the bytes that it was kept as; ValueError for bytes that are none.
        patience_s: how long the end of the block waits for deliveries; the rest stays on disk.
        longest_wait_s: between two attempts; it doubles from `first_wait_s` on.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver[M]],
        folder: Path,
        decode: Callable[[bytes], M],
        *,
        patience_s: float = 10.0,
        first_wait_s: float = FIRST_WAIT_S,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        waits = first_wait_s, longest_wait_s
        self._workers = [_Worker(receiver, Spool(folder / receiver.name, decode), waits) for receiver in receivers]
        self._patience_s = patience_s

    def send(self, message: M) -> None:
        """Pass a message to the receivers that want it."""
        for worker in self._workers:
            if worker.receiver.wants(message):
                worker.add(message)

    @property
    def waiting(self) -> int:
        """Number of messages that are not delivered."""
        return sum(len(worker.spool) for worker in self._workers)

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + self._patience_s
        for worker in self._workers:
            worker.finish(deadline)
        if left := self.waiting:
            _log.warning("%d messages are not delivered; they are sent at the next start", left)


class _Worker(Generic[M]):
    """Thread of one receiver: messages go in their order, and one that fails holds up those behind it."""

    def __init__(self, receiver: Receiver[M], spool: Spool[M], waits_s: tuple[float, float]) -> None:
        self.receiver, self.spool = receiver, spool
        self._first_wait_s, self._longest_wait_s = waits_s
        self._changed, self._ending = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name=f"posemill-channel-{receiver.name}", daemon=True)

    def add(self, message: M) -> None:
        self.spool.add(message)
        with self._changed:
            self._changed.notify()

    def start(self) -> None:
        self._thread.start()

    def finish(self, deadline: float) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        wait_s = self._first_wait_s
        while True:
            failed = not all(self._deliver(message) for message in self.spool.waiting())
            with self._changed:
                if failed:
                    self._changed.wait(wait_s)
                    wait_s = min(2 * wait_s, self._longest_wait_s)
                    continue
                wait_s = self._first_wait_s
                if len(self.spool):
                    continue
                if self._ending:
                    return
                self._changed.wait()

    def _deliver(self, message: M) -> bool:
        """True where the message needs no further attempt."""
        try:
            self.receiver.send(message)
        except Undelivered as exc:
            _log.warning("channel %s: %s; it is tried again", self.receiver.name, exc)
            return False
        except (Undeliverable, PosemillError) as exc:
            _log.error("channel %s refused a message: %s; it is in the folder `refused`", self.receiver.name, exc)
            self.spool.refused(message)
            return True
        self.spool.delivered(message)
        return True
