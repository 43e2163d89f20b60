"""The log without a database: what a row says, and that a request never waits or fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posemill.serving import prediction_log
from posemill.serving.context import CLIENT, STARTED
from posemill.serving.prediction_log import PredictionLog
from waiting import until

CLASSES = ("rest", "wave")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "EVERY_S", 0.01)
    monkeypatch.setattr(prediction_log, "AGAIN_S", 0.01)


def seen(n: int) -> tuple[Any, Any]:
    windows = np.zeros((n, 5, 4, 3), np.float32)
    windows[..., 0] = np.arange(4) * 10
    windows[..., 2] = 0.5
    return windows, np.tile(np.float32([0.25, 0.75]), (n, 1))


def test_a_row() -> None:
    rows: list[Any] = []
    log = PredictionLog("posemill-activity:1", "abc", CLASSES, rows.extend)
    CLIENT.set("acme")
    STARTED.set(time.monotonic() - 1.0)
    log.answered("/predict_windows", *seen(20))
    log.answered("/predict_track", *seen(0))
    CLIENT.set(None)
    STARTED.set(None)
    log.close()
    first, second = rows
    assert {k: first[k] for k in ("bento_tag", "provenance", "endpoint", "client", "activity", "confidence")} == {
        "bento_tag": "posemill-activity:1",
        "provenance": "abc",
        "endpoint": "/predict_windows",
        "client": "acme",
        "activity": "wave",
        "confidence": 0.75,
    }
    assert 1000 <= first["latency_ms"] < 2000
    assert first["prediction"] == {
        "windows": 20,
        "body_px": [30.0] * 8,
        "missing": [0.0] * 8,
        "keypoint_confidence": [0.5] * 8,
        "activities": ["wave"] * 8,
    }
    assert second["prediction"]["windows"] == 0
    assert second["activity"] is None
    assert (log.written, log.lost, log.waiting) == (2, 0, 0)


def test_an_absent_database_costs_the_oldest_rows_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "ROWS", 3)
    there, rows = threading.Event(), []

    def write(some: Sequence[Any]) -> None:
        if not there.is_set():
            raise ConnectionError("gone")
        rows.extend(some)

    log = PredictionLog("b", None, CLASSES, write)
    for i in range(10):
        log.answered(str(i), *seen(1))
        until(lambda: not log._entries)
    until(lambda: log.lost == 7)
    there.set()
    until(lambda: log.written == 3)
    log.close()
    assert [row["endpoint"] for row in rows] == ["7", "8", "9"]


def test_a_database_that_hangs_holds_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "ENTRIES", 4)
    begun, hangs = threading.Event(), threading.Event()

    def write(some: Sequence[Any]) -> None:
        begun.set()
        hangs.wait(60)

    log = PredictionLog("b", None, CLASSES, write)
    log.answered("first", *seen(1))
    assert begun.wait(60)
    began = time.monotonic()
    for _ in range(100):
        log.answered("x", *seen(1))
    assert time.monotonic() - began < 30  # none of them waited for `write`
    assert log.lost == 96
    hangs.set()
    log.close()


def test_a_service_is_watched_and_says_how_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Any] = []
    monkeypatch.setenv("POSEMILL_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/none")
    monkeypatch.setattr(prediction_log, "_writer", lambda url: rows.extend)
    gauges: dict[str, Callable[[], float]] = {}
    model: Any = SimpleNamespace(
        tag="b:1",
        provenance=SimpleNamespace(id="abc"),
        predictor=SimpleNamespace(classes=CLASSES),
        observers=[],
    )
    metrics: Any = SimpleNamespace(gauge=lambda name, says, now: gauges.update({name: now}))
    log = prediction_log.attach(model)
    prediction_log.show([log], metrics)
    windows, probabilities = seen(2)
    model.observers[0](SimpleNamespace(endpoint="/live", windows=windows, probabilities=probabilities))
    log.close()
    assert [(row["bento_tag"], row["provenance"], row["endpoint"]) for row in rows] == [("b:1", "abc", "/live")]
    assert {name: now() for name, now in gauges.items()} == {
        "posemill_record_lost": 0,
        "posemill_record_written": 1,
        "posemill_record_waiting": 0,
    }


def test_without_a_database_nothing_is_kept() -> None:
    log = PredictionLog("b", None, CLASSES, None)
    log.answered("x", *seen(1))
    log.close()
    assert (log.waiting, log.lost, log.written) == (0, 0, 0)


def test_a_note_costs_less_than_a_tenth_of_a_millisecond() -> None:
    log = PredictionLog("b", None, CLASSES, lambda rows: None)
    windows, probabilities = np.zeros((64, 48, 12, 3), np.float32), np.full((64, 13), 1 / 13, np.float32)
    log._classes = tuple("abcdefghijklm")
    times = []
    for _ in range(200):
        began = time.perf_counter()
        log.answered("x", windows, probabilities)
        times.append(time.perf_counter() - began)
    log.close()
    assert sorted(times)[50] < 1e-4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what BentoML imports
def test_a_service_that_is_told_to_end_writes_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from posemill.serving.activity import ActivityService

    monkeypatch.setattr(prediction_log, "EVERY_S", 30.0)  # what is not written at the end is not written
    rows: list[Any] = []
    log = PredictionLog("b", None, CLASSES, rows.extend)
    log.answered("x", *seen(1))
    service = ActivityService.inner.__new__(ActivityService.inner)
    service.logs, service.shared_metrics = [log], None
    assert getattr(ActivityService.inner.close_logs, "__bentoml_shutdown_hook__", False)
    service.close_logs()
    assert [row["endpoint"] for row in rows] == ["x"]


def test_every_answer_has_a_key_of_its_own() -> None:
    rows: list[Any] = []
    log = PredictionLog("b", None, CLASSES, rows.extend)
    for _ in range(3):
        log.answered("x", *seen(1))
    log.close()
    assert len({row["entry"] for row in rows}) == 3
