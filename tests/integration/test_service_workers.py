"""A real activity service of two worker processes: one rate, one set of metrics. Slow: a bento is built and served."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from packaged import write_package
from posemill.packaging import bento
from posemill.serving.server import serving
from posemill.settings import Settings
from posemill.store.api_keys import create_key
from waiting import until

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
RATE = 40


def ask(url: str, key: str, path: str = "/version") -> tuple[int, bytes]:
    """Ask on a connection of its own, so that either worker may answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def counted(url: str, key: str) -> dict[str, float]:
    """Answers of /version by status, as /metrics has them."""
    families = text_string_to_metric_families(ask(url, key, "/metrics")[1].decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        sample.labels["status"]: sample.value
        for sample in samples
        if sample.name == "posemill_request_seconds_count" and sample.labels["endpoint"] in ("/version", "other")
    }


def test_two_workers_count_as_one(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    tags = bento.build(tmp_path / "package", REPOSITORY, tmp_path / "home")
    with engine.begin() as connection:
        limited = create_key(connection, "a client", per_minute=RATE, role="annotator", added_by="test")
        operator = create_key(connection, "an operator", per_minute=100_000, role="operator", added_by="test")
    env = bento.environment(tmp_path / "home") | {
        "POSEMILL_WORKERS": "2",
        "POSEMILL_REQUIRE_KEYS": "1",
        "POSEMILL_DATABASE_URL": str(settings.database_url),
        "TMPDIR": str(tmp_path),
    }
    with serving(tags["activity"], env) as client:
        (shared,) = until(lambda: list(tmp_path.glob("posemill-workers-*")))
        workers = until(lambda: found if len(found := sorted(shared.glob("metrics-*"))) == 2 else None)
        assert (shared.stat().st_mode & 0o777, (shared / "rates").stat().st_mode & 0o777) == (0o700, 0o600)
        statuses = Counter(ask(client.url, limited)[0] for _ in range(3 * RATE))
        assert RATE <= statuses[200] <= RATE + 3  # the minute slides
        assert statuses.total() == statuses[200] + statuses[429]
        expected = {str(status): float(count) for status, count in statuses.items()}
        until(lambda: counted(client.url, operator) == expected)
        time.sleep(1.1)  # what each worker writes for the other is a second old at most
        assert [counted(client.url, operator) for _ in range(6)] == [expected] * 6

        pid = int(workers[0].stem.partition("-")[2])
        assert psutil.Process(pid).ppid() == psutil.Process(int(workers[1].stem.partition("-")[2])).ppid()
        os.kill(pid, signal.SIGKILL)  # the server starts another one
        until(lambda: len(list(shared.glob("metrics-*"))) == 3)
        until(lambda: json.loads(ask(client.url, operator)[1])["bento"] == tags["activity"])
        again = Counter(ask(client.url, limited)[0] for _ in range(3 * RATE))
        assert again[200] <= RATE + 3  # a worker that knew of nobody would let as many through again
        assert again[429] > RATE
        until(lambda: counted(client.url, operator)["200"] > statuses[200])
