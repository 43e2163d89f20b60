"""Prediction log: a row an answer in PostgreSQL, with statistics of its windows. No pixels, no keypoints.

A request only puts an entry into a bounded queue. A thread makes rows of the entries and writes them in batches; while
the database is away it keeps some, then the oldest are lost and counted. Nothing here can fail a request.
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
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from posemill.features.window_stats import round_for_json, window_stats
from posemill.serving.context import CLIENT, STARTED
from posemill.serving.metrics import Metrics
from posemill.serving.served_model import Predicted, ServedModel

SAMPLED = 8  # windows of an answer that are summed up, spread over it: enough for monitoring, and quick
ENTRIES = 512  # that wait for the thread, each with its sampled windows: at most some 30 MB
ROWS = 5000  # that wait for the database
EVERY_S = 0.5
AGAIN_S = 2.0  # after a failure

Row = dict[str, Any]
Write = Callable[[Sequence[Row]], None]
log = logging.getLogger("posemill.prediction_log")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    row: Row
    windows: NDArray[np.float32]  # (SAMPLED or fewer, T, K, 3), a copy
    activities: list[str]
    total: int


class PredictionLog:
    """Log of one service. Safe to use from several threads; without `write` it does nothing.

    bento, provenance  tag and provenance id that every row names; classes  activities in output order.
    written, lost   rows so far.
    """

    def __init__(self, bento: str, provenance: str | None, classes: Sequence[str], write: Write | None) -> None:
        self._names, self._classes, self._write = {"bento_tag": bento, "provenance": provenance}, tuple(classes), write
        self._entries: deque[_Entry] = deque()
        self._rows: deque[Row] = deque()
        self._wake, self._closing = threading.Event(), False
        self.written = self.lost = 0
        self._thread = threading.Thread(target=self._run, name="posemill-prediction-log", daemon=True)
        if write is not None:
            self._thread.start()
            atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """Number of answers that are not in the database yet."""
        return len(self._entries) + len(self._rows)

    def answered(
        self,
        endpoint: str,
        windows: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        *,
        activity: str | None = None,
        confidence: float | None = None,
    ) -> None:
        """Log an answer: the windows (N, T, K, 3) it was made of, pixels, NaN = not seen, and their (N, C).

        activity, confidence  of the answer as a whole; default: of the mean over its windows. N may be 0.
        """
        if self._write is None or self._closing:
            return
        if len(self._entries) >= ENTRIES:
            self.lost += 1
            return
        if activity is None and len(probabilities):
            mean = probabilities.mean(0)
            activity, confidence = self._classes[int(mean.argmax())], float(mean.max())
        began = STARTED.get()
        row = {
            **self._names,
            "entry": uuid4(),  # the batch is written again where the acknowledgement of its commit was lost
            "endpoint": endpoint,
            "client": CLIENT.get(),
            "activity": activity,
            "confidence": confidence,
            "added_at": datetime.now(UTC),
            "latency_ms": None if began is None else round(1000 * (time.monotonic() - began), 2),
        }
        some = slice(None) if len(windows) <= SAMPLED else np.linspace(0, len(windows) - 1, SAMPLED).round().astype(int)
        best = [self._classes[i] for i in probabilities[some].argmax(1)] if len(windows) else []
        self._entries.append(_Entry(row, np.array(windows[some], np.float32), best, len(windows)))
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
        while self._entries:
            entry = self._entries.popleft()
            try:
                self._rows.append({**entry.row, "prediction": summary(entry.windows, entry.activities, entry.total)})
            except Exception:  # an entry that makes no sense must not end the log
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
        self.written += len(rows)
        return True


def summary(windows: NDArray[np.float32], activities: Sequence[str], total: int) -> dict[str, Any]:
    """Summarize sampled windows (N, T, K, 3) for a row.

    The number of all windows (`total`), and of the sampled ones lists of body_px, missing, keypoint_confidence (see
    features/window_stats.py; null where nothing is seen) and activities.
    """
    stats = window_stats(windows)
    columns: Mapping[str, Any] = {
        "body_px": stats.body_px,
        "missing": stats.missing,
        "keypoint_confidence": stats.confidence,
    }
    lists = {name: round_for_json(values) for name, values in columns.items()}
    return {"windows": total, **lists, "activities": list(activities)}


def attach(model: ServedModel) -> PredictionLog:
    """Log the answers of a model from now on."""
    log_of_model = from_environment(model.tag, model.provenance.id, model.predictor.classes)

    def answered(answer: Predicted) -> None:
        log_of_model.answered(answer.endpoint, answer.windows, answer.probabilities)

    model.observers.append(answered)
    return log_of_model


def show(logs: Sequence[PredictionLog], metrics: Metrics) -> None:
    """Show the counts of these logs, together, at /metrics."""
    for name, says in (
        ("lost", "Answers that could not be recorded, ever."),
        ("written", "Answers that were recorded."),
        ("waiting", "Answers that are still to be recorded."),
    ):
        metrics.gauge(f"posemill_record_{name}", says, partial(_sum, logs, name))


def _sum(logs: Sequence[PredictionLog], name: str) -> float:
    return float(sum(getattr(log_of_model, name) for log_of_model in logs))


def from_environment(bento: str | None, provenance: str | None, classes: Sequence[str]) -> PredictionLog:
    """Return the log of a service, into POSEMILL_DATABASE_URL; without that it keeps nothing."""
    url = os.environ.get("POSEMILL_DATABASE_URL")
    return PredictionLog(bento or "not in a bento", provenance, classes, _writer(url) if url else None)


def _writer(url: str) -> Write:
    from posemill.store.predictions import record_predictions
    from posemill.store.service_engine import service_engine

    engine = service_engine(url)

    def write(rows: Sequence[Row]) -> None:
        with engine.begin() as connection:
            record_predictions(connection, rows)

    return write
