"""Rates and metrics that several worker processes of one service count together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from posemill.errors import InputError
from posemill.serving.metrics import Metrics
from posemill.serving.middleware import shared_rates
from posemill.serving.middleware.limits import Limits
from posemill.serving.middleware.rate_limit import RateLimiter
from posemill.serving.middleware.shared_rates import SharedRateLimiter
from posemill.serving.middleware.workers import shared_folder, worker_count
from posemill.serving.shared_metrics import SharedMetrics, added

_TAKER = """
import sys
from pathlib import Path
from posemill.serving.middleware.shared_rates import SharedRateLimiter
limiter = SharedRateLimiter(Path(sys.argv[1]))
print(sum(limiter.take(7, 100_000) == 0.0 for _ in range(2_000)))
print(sum(limiter.take(8, 1_000) == 0.0 for _ in range(1_000)))
"""


def test_several_limiters_count_as_one(tmp_path: Path) -> None:
    """The same times and callers, dealt over three limiters of one file: what one limiter says."""
    now = [0.0]
    one = RateLimiter(lambda: now[0])
    three = [SharedRateLimiter(tmp_path / "rates", lambda: now[0]) for _ in range(3)]
    random = np.random.default_rng(0)
    for step in range(3_000):
        now[0] += float(random.exponential(0.1))
        caller = ("loopback", 7, "10.0.0.0/24")[int(random.integers(3))]
        assert three[step % 3].take(caller, 60) == one.take(caller, 60)


def test_processes_at_once_lose_no_count(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _TAKER, str(tmp_path / "rates")]
    takers = [subprocess.Popen(command, stdout=-1, text=True) for _ in range(2)]
    taken = [taker.communicate(timeout=120)[0].split() for taker in takers]
    assert [own[0] for own in taken] == ["2000", "2000"]
    assert sum(int(own[1]) for own in taken) == 1_000
    limiter = SharedRateLimiter(tmp_path / "rates")
    assert limiter.take(7, 4_001) == 0.0
    assert limiter.take(7, 4_001) > 0


def test_a_flood_of_addresses_takes_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_rates, "SLOTS", 64)
    limiter = SharedRateLimiter(tmp_path / "rates")
    for number in range(1_000):
        assert limiter.take(f"address {number}", 2) == 0.0
    assert (tmp_path / "rates").stat().st_size == 64 * 40
    assert (limiter.take("me", 1), limiter.take("me", 1) > 0) == (0.0, True)


def by_labels(families: Iterable[Any]) -> dict[tuple[str, ...], float]:
    """Values by name of the sample and values of its labels, in order."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def counts(text: bytes) -> dict[tuple[str, ...], float]:
    return by_labels(text_string_to_metric_families(text.decode()))


def worker(requests: int, waiting: float) -> Metrics:
    metrics = Metrics(["sit", "walk"])
    for _ in range(requests):
        metrics.answered("/predict", 200, 0.02)
        metrics.predicted(np.array([[0.2, 0.8]], np.float32), np.array([False]))
    metrics.gauge("posemill_waiting_windows", "Windows that wait.", lambda: waiting)
    return metrics


def test_metrics_of_workers_are_added_up() -> None:
    found = by_labels(added([(worker(3, 4.0).text(), True), (worker(5, 2.0).text(), True)]))
    assert found["posemill_request_seconds_count", "/predict", "200"] == 8
    assert found["posemill_request_seconds_bucket", "/predict", "0.025", "200"] == 8
    assert found["posemill_request_seconds_bucket", "/predict", "0.01", "200"] == 0
    assert found["posemill_predictions_total", "walk"] == 8
    assert found["posemill_waiting_windows",] == 6


def test_a_worker_that_ended_stays_counted_and_waits_no_more(tmp_path: Path) -> None:
    ended = subprocess.Popen(
        [
            sys.executable,
            "-c",
        ]
    )
    ended.wait()
    (tmp_path / f"metrics-{ended.pid}.prom").write_bytes(worker(5, 2.0).text())
    own = SharedMetrics(worker(3, 4.0), tmp_path)
    found = counts(own.text())
    own.close()
    assert found["posemill_request_seconds_count", "/predict", "200"] == 8
    assert found["posemill_waiting_windows",] == 4
    assert found["process_open_fds",] < 2 * len(os.listdir("/proc/self/fd"))
    assert counts((tmp_path / f"metrics-{os.getpid()}.prom").read_bytes())["posemill_predictions_total", "walk"] == 3


def test_what_is_held_at_the_same_time_is_divided() -> None:
    env = {"POSEMILL_MAX_REQUESTS": "100"}
    assert Limits.from_env(env=env, workers=4).requests == 25
    assert Limits.from_env(env=env, workers=4).live == 16
    assert Limits.from_env(env=env, workers=4).held_bytes == 40 * 2**20
    assert Limits.from_env(env=env, workers=4).per_minute == 1200
    with pytest.raises(InputError, match="POSEMILL_WORKERS should be a number"):
        worker_count({"POSEMILL_WORKERS": "many"})


def test_folders_of_servers_that_ended_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"posemill-workers-{os.getuid()}-{ended.pid}-1.00").mkdir()
    folder = shared_folder()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert shared_folder() == folder
    folder.chmod(0o777)
    with pytest.raises(InputError, match="not this user's alone"):
        shared_folder()
