"""Shadow: a challenger is asked about what the released model answered; no client ever waits for it or sees it.

A request only puts a copy of some of its windows into a bounded queue. A thread hands them to a process of its own (see
worker.py), which runs both models on them, and counts. While the challenger is busy, hangs or has crashed, answers are
not compared, and counted as such.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.serving.metrics import Histogram, Metrics
from posemill.serving.served_model import Predicted, ServedModel
from posemill.serving.shadow.challenger import SHADOW, find_challenger, require_comparable
from posemill.serving.shadow.process import ChallengerError, ChallengerProcess
from posemill.serving.shadow.tally import Tally

SAMPLED = 8  # windows of an answer that are compared, spread over it: one long video must not outweigh all others
WAITING = 64  # answers that wait for the challenger, some 5 MB
BUSY = 0.25  # share of the time that the worker may compute: the rest of the processor is for requests
AGAIN_S = (1.0, 2.0, 5.0, 15.0, 60.0)  # before a worker that failed is started again
EVERY_S = 10.0  # between rows in the database
ROWS = 360  # that wait for the database
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

Row = dict[str, Any]
Write = Callable[[Row], None]
log = logging.getLogger("posemill.shadow")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    windows: NDArray[np.float32]  # (SAMPLED or fewer, T, K, C), a copy
    probabilities: NDArray[np.float32]


class Shadow:
    """Compares a challenger with the champion of a service, from its first answer on.

    start  starts the worker. Errors: ChallengerError.
    write  gets a row every EVERY_S; None: nothing is recorded.
    """

    def __init__(
        self,
        champion: ServedModel,
        tag: str,
        start: Callable[[], ChallengerProcess],
        write: Write | None = None,
    ) -> None:
        self._champion, self._start, self._write = champion, start, write
        self._names = {"champion": champion.tag, "challenger": tag}
        self._entries: deque[_Entry] = deque()
        self._wake, self._closing = threading.Event(), False
        self._lock = threading.Lock()  # of both tallies
        self.total, self._recent = Tally(), Tally()
        self._since = datetime.now(UTC)
        self._rows: deque[Row] = deque(maxlen=ROWS)
        self._seconds = {name: Histogram(SECONDS) for name in ("champion", "challenger")}
        self.up = False
        self._thread = threading.Thread(target=self._run, name="posemill-shadow", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """Number of answers that wait for the challenger."""
        return len(self._entries)

    def observed(self, answer: Predicted) -> None:
        """Take some windows of an answer; runs in the request."""
        if not len(answer.windows):
            return
        if self._closing or not self.up or len(self._entries) >= WAITING:
            self._drop()
            return
        count = len(answer.windows)
        some = slice(None) if count <= SAMPLED else np.linspace(0, count - 1, SAMPLED).round().astype(int)
        self._entries.append(_Entry(np.array(answer.windows[some], np.float32), answer.probabilities[some]))
        self._wake.set()

    def close(self, wait_s: float = 5.0) -> None:
        """End the worker, and write what was counted."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(wait_s)
        atexit.unregister(self.close)

    def _drop(self, count: int = 1) -> None:
        with self._lock:
            self.total.dropped += count
            self._recent.dropped += count

    def _run(self) -> None:
        failures = 0
        while not self._closing:
            try:
                process = self._start()
            except ChallengerError as exc:
                self._failed(exc)
            else:
                failures = 0 if self._compare_all(process) else failures
                process.close()
            if not self._closing:
                self._pause(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
                failures += 1
        self._flush()

    def _compare_all(self, process: ChallengerProcess) -> bool:
        """Compare until the worker fails or the service closes; returns whether anything was compared."""
        self.up, compared, written_at = True, False, time.monotonic()
        while not self._closing:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            while self._entries and not self._closing:
                began = time.monotonic()
                try:
                    self._compare(process, self._entries.popleft())
                except Exception as exc:  # of whatever kind: the service goes on without it
                    self.up = False
                    self._failed(exc)
                    return compared
                compared = True
                if (now := time.monotonic()) - written_at > EVERY_S:
                    break
                time.sleep((now - began) * (1 / BUSY - 1))
            if time.monotonic() - written_at > EVERY_S:
                written_at = time.monotonic()
                self._flush()
                if self._entries:
                    self._wake.set()
        self.up = False
        return compared

    def _compare(self, process: ChallengerProcess, entry: _Entry) -> None:
        found = process.ask(entry.windows)
        with self._lock:
            for tally in (self.total, self._recent):
                tally.add(entry.probabilities, found, self._champion.predictor.classes, process.classes)
            self._seconds["champion"].add(found.champion_s)
            self._seconds["challenger"].add(found.challenger_s)

    def _failed(self, exc: Exception) -> None:
        log.warning("the challenger %s is not compared now: %s", self._names["challenger"], exc)
        waiting = len(self._entries)
        self._entries.clear()
        self._drop(waiting + 1)
        with self._lock:
            self.total.failed += 1
            self._recent.failed += 1

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._closing and (left := until - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
        self._flush()

    def _flush(self) -> None:
        """Write what was counted since the last row; rows that cannot be written now are tried again with the next."""
        if self._write is None:
            return
        with self._lock:
            if self._recent:
                until = datetime.now(UTC)
                self._rows.append({**self._names, "since": self._since, "until": until, **self._recent.as_row()})
                self._recent, self._since = Tally(), until
        try:
            while self._rows:
                self._write(self._rows[0])
                self._rows.popleft()
        except Exception as exc:
            log.warning("comparisons cannot be recorded now: %s", str(exc).splitlines()[0])

    def collect(self) -> Iterator[Any]:
        """Families of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        with self._lock:
            total = self.total
            for name, says, count in (
                ("answers", "Answers that were compared with the challenger's.", total.answers.total()),
                ("dropped", "Answers that were not, since the challenger was busy or away.", total.dropped),
                ("failures", "Crashes and time-outs of the challenger.", total.failed),
            ):
                yield CounterMetricFamily(f"posemill_shadow_{name}", says, value=float(count))
            windows = CounterMetricFamily(
                "posemill_shadow_windows", "Windows by both activities.", labels=["champion", "challenger"]
            )
            for pair, count in sorted(total.windows.items()):
                windows.add_metric(pair, float(count))
            yield windows
            seconds = HistogramMetricFamily(
                "posemill_shadow_seconds", "Runs of both models on the same windows.", labels=["model"]
            )
            for model, counts in self._seconds.items():
                seconds.add_metric([model], counts.buckets(), counts.sum)
            yield seconds
        yield GaugeMetricFamily("posemill_shadow_up", "1 while the challenger is asked.", value=float(self.up))


def from_environment(env: Mapping[str, str], folder: Path, champion: ServedModel, metrics: Metrics) -> Shadow | None:
    """Put the challenger of POSEMILL_SHADOW (a tag, or a folder) beside the champion; None where none is named.

    folder  of the champion's package. Comparisons go to POSEMILL_DATABASE_URL, where that is set, and to the metrics.
    Errors: InputError for a challenger that is not there, or cannot be compared.
    """
    tag = env.get(SHADOW)
    if not tag:
        return None
    challenger = find_challenger(tag, env)
    require_comparable(folder, challenger)
    url = env.get("POSEMILL_DATABASE_URL")
    shadow = Shadow(
        champion, challenger.tag, lambda: ChallengerProcess(folder, challenger.folder), _writer(url) if url else None
    )
    champion.observers.append(shadow.observed)
    metrics.collectors.append(shadow.collect)
    return shadow


def _writer(url: str) -> Write:
    from posemill.store.service_engine import service_engine
    from posemill.store.shadow_comparisons import record_comparison

    engine = service_engine(url)

    def write(row: Row) -> None:
        with engine.begin() as connection:
            record_comparison(connection, row)

    return write
