"""Outputs of the edge runtime: JSON lines, webhooks and the broker, with the spool that outlives a crash."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self

from posemill.delivery.dispatcher import Dispatcher
from posemill.delivery.secret import secret
from posemill.delivery.webhook import post
from posemill.edge.broker import Broker
from posemill.edge.config import EdgeConfig, WebhookConfig
from posemill.edge.message import EdgeEvent, EdgeMessage
from posemill.edge.open_events import OpenEvents

LONGEST_WAIT_S = 15.0  # between attempts: a receiver that is back gets its events soon
MOST_LINES = 2000  # that wait for whoever reads them


class Hook:
    """A receiver of signed posts; see delivery.webhook."""

    def __init__(self, config: WebhookConfig) -> None:
        self.name, self._config = config.name, config

    def wants(self, message: EdgeMessage) -> bool:
        """See Receiver."""
        kinds = self._config.kinds
        return message.event.kind != "health" if kinds is None else message.event.kind in kinds

    def send(self, message: EdgeMessage) -> None:
        """See Receiver."""
        key = secret(self._config.secret_env, f"webhook {self.name}")
        post(self._config.url, message.encoded(), message.id, key, self._config.timeout_s)


class LineWriter:
    """Writes JSON lines in a thread: a reader that is slow loses the oldest lines and never holds up the pipeline."""

    def __init__(self, stream: IO[str]) -> None:
        self.dropped = 0
        self._stream, self._lines, self._changed = stream, deque[str](), threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="posemill-edge-lines", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Add a line."""
        with self._changed:
            if len(self._lines) >= MOST_LINES:
                self._lines.popleft()
                self.dropped += 1
            self._lines.append(line)
            self._changed.notify()

    def close(self, patience_s: float = 5.0) -> None:
        """Write what waits."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._ending:
                    self._changed.wait()
                lines, ending = [*self._lines], self._ending
                self._lines.clear()
            with suppress(OSError, ValueError):  # nobody reads any more
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            if ending and not lines:
                return


class Outputs:
    """Destinations of events, for the length of a `with`. Safe to use from several threads.

    An event is kept on disk before `emit` returns, for every receiver that wants it.
    """

    def __init__(
        self, config: EdgeConfig, stream: IO[str] = sys.stdout, clock: Callable[[], float] = time.time
    ) -> None:
        folder = config.state_folder
        folder.mkdir(parents=True, exist_ok=True)
        self._clock, self._lock, self._patience_s = clock, threading.Lock(), config.patience_s
        self.broker = None if config.mqtt is None else Broker(config.mqtt, folder / "topics.json")
        receivers: list[Hook | Broker] = [Hook(each) for each in config.webhook]
        receivers += [] if self.broker is None else [self.broker]
        self._dispatcher: Dispatcher[EdgeMessage] = Dispatcher(
            receivers,
            folder / "spool",
            EdgeMessage.decoded,
            patience_s=config.patience_s,
            longest_wait_s=LONGEST_WAIT_S,
        )
        self._open = OpenEvents(folder / "open.json")
        self._lines = LineWriter(stream)
        self.emitted = 0

    def emit(self, event: EdgeEvent, source: str) -> None:
        """Send an event to everybody who wants it."""
        self._send(EdgeMessage.of(event, source, self._clock))

    def line(self, fields: dict[str, Any]) -> None:
        """Write a JSON line that is no event, such as poses."""
        self._lines.write(json.dumps(fields, allow_nan=False))

    def state(self, topic: str, value: Any | None) -> None:
        """Set or clear (None) a retained state of the broker."""
        if self.broker is not None:
            self.broker.state(topic, value)

    @property
    def status(self) -> dict[str, Any]:
        """Deliveries that wait, lines that were dropped, and the broker."""
        return {
            "events": self.emitted,
            "waiting": self._dispatcher.waiting,
            "lines_dropped": self._lines.dropped,
            "broker": None if self.broker is None else self.broker.status,
        }

    def __enter__(self) -> Self:
        if self.broker is not None:
            self.broker.start()
        self._dispatcher.__enter__()
        for message in self._open.leftovers(self._clock):
            self._send(message)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._dispatcher.__exit__(kind, error, traceback)
        if self.broker is not None:
            self.broker.stop()
        self._lines.close()

    def _send(self, message: EdgeMessage) -> None:
        with self._lock:
            begins = message.event.end_s is None
            if begins:
                self._open.take(message)
            self._dispatcher.send(message)
            if not begins:
                self._open.take(message)
            self._lines.write(message.encoded().decode())
            self.emitted += 1
