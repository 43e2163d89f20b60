"""The record of answers in a real PostgreSQL that is killed in the middle.

Slow (4 s): only a server that really dies shows whether rows get lost and requests wait.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine

from chaos.postgres import Proxy
from posemill.serving import prediction_log
from posemill.serving.prediction_log import PredictionLog, from_environment
from posemill.store.embedded import EmbeddedServer
from posemill.store.postgres import upgrade
from posemill.store.predictions import forget_predictions, predictions
from waiting import until

WINDOWS = np.zeros((3, 5, 4, 3), np.float32)
SURE = np.float32([[0.1, 0.9]] * 3)


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    folder = Path(tempfile.mkdtemp(prefix="posemill-test-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder)
    try:
        engine = create_engine(server.start().replace("postgresql://", "postgresql+psycopg2://"))
        upgrade(engine)
        engine.dispose()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_killed_database_loses_nothing_and_holds_nobody(
    own_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(own_server.url())
    monkeypatch.setenv("POSEMILL_DATABASE_URL", url)
    monkeypatch.setattr(prediction_log, "EVERY_S", 0.05)
    monkeypatch.setattr(prediction_log, "AGAIN_S", 0.1)
    log = from_environment("posemill-activity:1", "abc", ("rest", "wave"))
    log.answered("before", WINDOWS, SURE)
    until(lambda: log.written == 1)
    os.kill(int((own_server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    began = time.monotonic()
    for _ in range(200):
        log.answered("while it is away", WINDOWS, SURE)
    assert time.monotonic() - began < 10  # one that waited for an attempt each would take 20 s
    until(lambda: not log._entries)
    time.sleep(0.3)  # some attempts fail
    own_server.start()
    until(lambda: log.written == 201)
    log.answered("after", WINDOWS, SURE)
    log.close()
    assert (log.written, log.lost, log.waiting) == (202, 0, 0)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        rows = predictions(connection, datetime.now(UTC) - timedelta(minutes=5), "posemill-activity:1")
        assert [rows[0]["endpoint"], rows[100]["endpoint"], rows[-1]["endpoint"]] == [
            "before",
            "while it is away",
            "after",
        ]
        assert rows[0]["prediction"]["activities"] == ["wave"] * 3
        assert (rows[0]["activity"], round(rows[0]["confidence"], 3)) == ("wave", 0.9)
        assert predictions(connection, datetime.now(UTC) - timedelta(minutes=5), "another") == []
        assert predictions(connection, datetime.now(UTC)) == []
        assert forget_predictions(connection, datetime.now(UTC)) == 202
    engine.dispose()


def test_a_database_that_never_was_is_no_fault_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/none")
    monkeypatch.setattr(prediction_log, "EVERY_S", 0.05)
    log: PredictionLog = from_environment(None, None, ("rest", "wave"))
    log.answered("x", WINDOWS, SURE)
    until(lambda: bool(log._rows))
    log.close()
    assert (log.written, log.waiting) == (0, 1)


@pytest.mark.slow
def test_a_batch_whose_acknowledgement_was_lost_is_there_once(
    own_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(str(own_server.url()), lambda number: number == 1)
    monkeypatch.setenv("POSEMILL_DATABASE_URL", proxy.url)
    monkeypatch.setattr(prediction_log, "EVERY_S", 0.05)
    monkeypatch.setattr(prediction_log, "AGAIN_S", 0.1)
    log = from_environment("posemill-activity:1", None, ("rest", "wave"))
    for _ in range(5):
        log.answered("x", WINDOWS, SURE)
    until(lambda: log.written >= 5)
    log.close()
    proxy.close()
    assert proxy.lost == 1
    engine = create_engine(str(own_server.url()).replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        assert len(predictions(connection, datetime.now(UTC) - timedelta(minutes=5))) == 5
    engine.dispose()
