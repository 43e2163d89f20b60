"""A record of every answer in PostgreSQL: what was seen of the person, what was said. No pixels, no keypoints.

A request only puts a note into a bounded queue. A thread of its own makes rows of the notes and writes them together;
while the database is away it keeps some, then the oldest are lost and counted. Nothing here can fail a request.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.features.window_stats import round_for_json, window_stats
from posemill.serving.guard.caller import BEGAN, CLIENT

SAMPLED = 8  # windows of an answer that are summed up, spread over it: enough for monitoring, and quick
NOTES = 512  # that wait for the thread, each with its sampled windows: at most some 30 MB
ROWS = 5000  # that wait for the database
EVERY_S = 0.5
AGAIN_S = 2.0  # after a failure

Row = dict[str, Any]
Write = Callable[[Sequence[Row]], None]
log = logging.getLogger("posemill.prediction_log")


@dataclass(frozen=True, slots=True, eq=False)
class _Note:
    row: Row
    windows: NDArray[np.float32]  # (SAMPLED or fewer, T, K, 3), a copy
    activities: list[str]
    total: int


class PredictionLog:
    """Notes of one service. Safe to use from several threads; without `write` it does nothing.

    bento, receipt  tag and receipt id that every row names; classes  activities in output order.
    written, lost   rows so far.
    """

    def __init__(self, bento: str, receipt: str | None, classes: Sequence[str], write: Write | None) -> None:
        self._names, self._classes, self._write = {"bento_tag": bento, "provenance": receipt}, tuple(classes), write
        self._notes: deque[_Note] = deque()
        self._rows: deque[Row] = deque()
        self._wake, self._closing = threading.Event(), False
        self.round_for_json = self.lost = 0
        self._thread = threading.Thread(target=self._run, name="posemill-prediction-log", daemon=True)
        if write is not None:
            self._thread.start()
            atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """Answers that are not in the database yet."""
        return len(self._notes) + len(self._rows)

    def answered(
        self,
        endpoint: str,
        windows: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        *,
        activity: str | None = None,
        confidence: float | None = None,
    ) -> None:
        """Note an answer: the windows (N, T, K, 3) it was made of, pixels, NaN = not seen, and their (N, C).

        activity, confidence  of the answer as a whole; default: of the mean over its windows. N may be 0.
        """
        if self._write is None or self._closing:
            return
        if len(self._notes) >= NOTES:
            self.lost += 1
            return
        if activity is None and len(probabilities):
            mean = probabilities.mean(0)
            activity, confidence = self._classes[int(mean.argmax())], float(mean.max())
        began = BEGAN.get()
        row = {
            **self._names,
            "endpoint": endpoint,
            "client": CLIENT.get(),
            "activity": activity,
            "confidence": confidence,
            "added_at": datetime.now(UTC),
            "latency_ms": None if began is None else round(1000 * (time.monotonic() - began), 2),
        }
        some = slice(None) if len(windows) <= SAMPLED else np.linspace(0, len(windows) - 1, SAMPLED).round().astype(int)
        best = [self._classes[i] for i in probabilities[some].argmax(1)] if len(windows) else []
        self._notes.append(_Note(row, np.array(windows[some], np.float32), best, len(windows)))
        self._wake.set()

    def close(self, wait_s: float = 5.0) -> None:
        """Write what waits, as far as that goes within `wait_s`, and stop."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)
        atexit.unregister(self.close)

    def _run(self) -> None:
        next_try = 0.0
        while not self._closing:
            self._wake.wait(EVERY_S if self._rows else None)
            self._wake.clear()
            if not self._closing:
                time.sleep(EVERY_S / 5)  # so that a stream of answers is written together
            self._make_rows()
            if self._rows and (self._closing or time.monotonic() >= next_try):
                next_try = time.monotonic() + (0.0 if self._flush() else AGAIN_S)

    def _make_rows(self) -> None:
        while self._notes:
            note = self._notes.popleft()
            try:
                self._rows.append({**note.row, "prediction": summary(note.windows, note.activities, note.total)})
            except Exception:  # a note that makes no sense must not end the log
                log.exception("an answer could not be summed up")
                self.lost += 1
        while len(self._rows) > ROWS:
            self._rows.popleft()
            self.lost += 1

    def _flush(self) -> bool:
        assert self._write is not None
        rows = list(self._rows)
        try:
            self._write(rows)
        except Exception as exc:
            log.warning("%d answers cannot be recorded now: %s", len(rows), str(exc).splitlines()[0])
            return False
        self._rows.clear()
        self.round_for_json += len(rows)
        return True


def summary(windows: NDArray[np.float32], activities: Sequence[str], total: int) -> dict[str, Any]:
    """What a row keeps of its windows (N, T, K, 3): the number of all, and of the sampled ones lists of body_px,
    missing, keypoint_confidence (see features/window_stats.py; null where nothing is seen) and activities."""
    seen = window_stats(windows)
    columns: Mapping[str, Any] = {
        "body_px": seen.body_px,
        "missing": seen.missing,
        "keypoint_confidence": seen.confidence,
    }
    lists = {name: round_for_json(values) for name, values in columns.items()}
    return {"windows": total, **lists, "activities": list(activities)}


def watch(service: Any) -> PredictionLog:
    """Record what a service answers from now on, and show at /metrics how that goes."""
    kept = from_environment(service.receipt.bento, service.receipt.id, service.predictor.classes)

    def answered(answer: Any) -> None:
        kept.answered(answer.endpoint, answer.windows, answer.probabilities)

    service.observers.append(answered)
    for name, says, now in (
        ("lost", "Answers that could not be recorded, ever.", lambda: kept.lost),
        ("written", "Answers that were recorded.", lambda: kept.round_for_json),
        ("waiting", "Answers that are still to be recorded.", lambda: kept.waiting),
    ):
        service.metrics.gauge(f"posemill_record_{name}", says, now)
    return kept


def from_environment(bento: str | None, receipt: str | None, classes: Sequence[str]) -> PredictionLog:
    """The log of a service, into POSEMILL_DATABASE_URL; without that it keeps nothing."""
    url = os.environ.get("POSEMILL_DATABASE_URL")
    return PredictionLog(bento or "not in a bento", receipt, classes, _writer(url) if url else None)


def _writer(url: str) -> Write:
    from posemill.store.predictions import record_predictions
    from posemill.store.service_engine import service_engine

    engine = service_engine(url)

    def write(rows: Sequence[Row]) -> None:
        with engine.begin() as connection:
            record_predictions(connection, rows)

    return write
