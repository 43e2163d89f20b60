"""Dispatcher: sends events to channels in the background, and tries again until they are delivered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from posemill.applications.channels.channel import Channel, Undeliverable, Undelivered
from posemill.applications.channels.message import Message
from posemill.applications.channels.spool import Spool
from posemill.applications.protocol import Event
from posemill.errors import PosemillError

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 300.0  # between attempts, doubled each time
_log = logging.getLogger("posemill.channels")


class Dispatcher:
    """Events to channels, for the length of a `with`. A receiver that is away never holds up the stream.

    A message is on disk before `send` returns, and leaves it when it is delivered: what a crash or the end of the
    program left behind is sent by the next dispatcher on the same folder. So everything is delivered at least once, and
    its id tells repetitions.

    Args:
        channels: where to.
        folder: for what is not delivered yet, a folder a channel.
        patience_s: how long the end of the block waits for deliveries; the rest stays on disk.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        folder: Path,
        *,
        patience_s: float = 10.0,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._workers = [_Worker(channel, Spool(folder / channel.name), first_wait_s) for channel in channels]
        self._patience_s = patience_s

    def send(self, event: Event, source: str) -> None:
        """Pass an event to the channels that want it."""
        message = Message.of(event, source)
        for worker in self._workers:
            if worker.channel.wants(message):
                worker.add(message)

    @property
    def waiting(self) -> int:
        """Number of messages that are not delivered."""
        return sum(len(worker.spool.waiting()) for worker in self._workers)

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


class _Worker:
    """Thread of one channel: messages go in their order, and one that fails holds up those behind it."""

    def __init__(self, channel: Channel, spool: Spool, first_wait_s: float) -> None:
        self.channel, self.spool = channel, spool
        self._first_wait_s = first_wait_s
        self._changed, self._ending = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name=f"posemill-channel-{channel.name}", daemon=True)

    def add(self, message: Message) -> None:
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
                    wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                    continue
                wait_s = self._first_wait_s
                if self.spool.waiting():
                    continue
                if self._ending:
                    return
                self._changed.wait()

    def _deliver(self, message: Message) -> bool:
        """True where the message needs no further attempt."""
        try:
            self.channel.send(message)
        except Undelivered as exc:
            _log.warning("channel %s: %s; it is tried again", self.channel.name, exc)
            return False
        except (Undeliverable, PosemillError) as exc:
            _log.error("channel %s refused a message: %s; it is in the folder `refused`", self.channel.name, exc)
            self.spool.refused(message)
            return True
        self.spool.delivered(message)
        return True
