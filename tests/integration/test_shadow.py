"""Challengers beside real services: bytes that clients see, a worker that is stopped and killed, rows and the report.

Slow: only a real server shows that a client gets the same bytes with a challenger that hangs; 40 s for all of it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from packaged import walking_track
from posemill.cli.serve import challengers
from posemill.cli.shadow import shadow as command
from posemill.errors import GateError, InputError
from posemill.packaging import bento
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED
from posemill.serving import npz, tensors
from posemill.serving.client import Client
from posemill.serving.server import serving
from posemill.settings import Settings
from posemill.store.shadow_comparisons import comparisons, record_comparison
from waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
PAIR = {"champion": "posemill-activity:1", "challenger": "posemill-activity:2"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    root = tmp_path_factory.mktemp("bento")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        yield root, bento.build(PACKAGED, REPOSITORY, root)


def windows(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    shape = ActivityModel.packaged().features.shape
    made = np.random.default_rng(count).uniform(0, 300, (count, *shape)).astype(np.float32)
    made[..., 2] = 0.9
    return made


def raw(client: Client, route: str, body: bytes, **headers: str) -> tuple[list[tuple[str, str]], Any]:
    """Headers but for the date, and body, of an answer; the header of safetensors parsed, whose order is any."""
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=60)
    try:
        connection.request("POST", route, body, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        got: Any = answer.read()
        if answer.headers["content-type"] == tensors.MEDIA_TYPE:
            end = 8 + int.from_bytes(got[:8], "little")
            got = json.loads(got[8:end]), got[end:]
        return [pair for pair in answer.getheaders() if pair[0].lower() != "date"], got
    finally:
        connection.close()


def all_answers(client: Client) -> list[Any]:
    """What a client gets, in every form that the small service has."""
    body = tensors.write({tensors.NAME: windows(3)})
    binary = {"Content-Type": tensors.MEDIA_TYPE}
    found: list[Any] = [raw(client, "/predict_windows", body, **binary, Accept=kind) for kind in _FORMS]
    many = tensors.write({tensors.NAME: windows(40)})
    found.append(raw(client, "/predict_windows", many, **binary))
    return [*found, client.predict_track(walking_track(seconds=4.0)).model_dump()]


_FORMS = ("application/json", tensors.MEDIA_TYPE, npz.MEDIA_TYPE)


def metric(client: Client, name: str) -> float:
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def worker_of(env: dict[str, str]) -> int:
    """The process id of the worker of a service with that environment."""
    mark = f"POSEMILL_SHADOW={env['POSEMILL_SHADOW']}".encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            if b"posemill.serving.shadow.worker" in words and mark in (path / "environ").read_bytes().split(b"\0"):
                return int(path.name)
        except OSError:  # it has ended
            continue
    raise AssertionError("no worker runs")


@pytest.mark.slow
def test_clients_see_nothing_of_a_challenger(built: tuple[Path, dict[str, str]], database: str, engine: Engine) -> None:
    root, tags = built
    env = bento.environment(root)
    with serving(tags["activity"], env) as alone:
        wanted = all_answers(alone)
    shadowed = env | {"POSEMILL_SHADOW": tags["activity"], "POSEMILL_DATABASE_URL": database}
    with serving(tags["activity"], shadowed) as client:
        until(lambda: metric(client, "posemill_shadow_up") == 1)
        assert all_answers(client) == wanted
        until(lambda: metric(client, "posemill_shadow_answers_total") == len(wanted))
        assert metric(client, "posemill_shadow_windows_total") >= 3 * 3 + 8  # of forty windows eight are compared
        process = worker_of(shadowed)
        os.kill(process, signal.SIGSTOP)  # it hangs
        began = time.monotonic()
        for _ in range(5):
            assert all_answers(client) == wanted
        assert time.monotonic() - began < 20  # the time after which a worker that hangs is given up
        os.kill(process, signal.SIGKILL)  # it crashes
        until(lambda: metric(client, "posemill_shadow_failures_total") == 1)
        assert all_answers(client) == wanted
        until(lambda: metric(client, "posemill_shadow_up") == 1)
        assert worker_of(shadowed) != process
        before = metric(client, "posemill_shadow_answers_total")
        assert all_answers(client) == wanted
        until(lambda: metric(client, "posemill_shadow_answers_total") == before + len(wanted))
        assert metric(client, "posemill_shadow_dropped_total") >= 1
    with engine.connect() as connection:
        rows = comparisons(connection, datetime.now(UTC) - timedelta(minutes=10), challenger=tags["activity"])
    assert rows
    assert {a for row in rows for a, b, n in row["comparison"]["windows"] if a != b} == set()  # it is the same model


@pytest.mark.slow
def test_a_share_of_clients_is_answered_by_the_challenger(built: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, tags = built
    other = tmp_path / "challenger"
    shutil.copytree(PACKAGED, other)
    env = bento.environment(root)
    with serving(tags["activity"], env | {"POSEMILL_CANARY": f"{other}=100%"}) as client:
        headers, body = raw(
            client,
            "/predict_windows",
            tensors.write({tensors.NAME: windows(2)}),
            **{"Content-Type": tensors.MEDIA_TYPE},
        )
        assert ("posemill-model", "challenger") in headers
        assert json.loads(body)["provenance"]["bento"] is None
        assert client.predict_track(walking_track(seconds=4.0)).provenance.bento is None
        assert metric(client, 'posemill_model_answer_seconds_count{model="challenger"}') == 2


@pytest.mark.slow
def test_a_challenger_of_other_windows_stops_the_start(built: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    from posemill.errors import PosemillError

    root, tags = built
    other = tmp_path / "other"
    shutil.copytree(PACKAGED, other)
    text = (other / "features.json").read_text()
    (other / "features.json").write_text(text.replace('"stride_s": 0.25', '"stride_s": 0.5'))
    env = bento.environment(root) | {"POSEMILL_SHADOW": str(other)}
    with pytest.raises(PosemillError, match="does not start: other cannot be compared"), serving(tags["activity"], env):
        pass


def test_a_tag_that_is_not_there_is_refused_before_the_start(settings: Settings) -> None:
    with pytest.raises(InputError, match="no bento and no model 'posemill-activity:none'"):
        challengers(settings, "posemill-activity:none", None)
    with pytest.raises(InputError, match="TAG=SHARE"):
        challengers(settings, None, "posemill-activity:none")
    assert challengers(settings, None, None) == {}


def row(counts: list[list[Any]], **other: Any) -> dict[str, Any]:
    """A row of 100 answers within the last hour; latencies of 2 and 3 ms."""
    now = datetime.now(UTC)
    lists = {
        "champion_ms": [1.0, 2.0, 3.0] * 30,
        "challenger_ms": [2.0, 3.0, 4.0] * 30,
        "champion_confidence": [0.5 + i / 200 for i in range(90)],
        "challenger_confidence": [0.5 + i / 200 for i in range(90)],
    }
    windows = sum(count for _, _, count in counts)
    return {
        **PAIR,
        "since": now - timedelta(hours=1),
        "until": now,
        "answers": 100,
        "windows": windows,
        "dropped": 5,
        "failed": 0,
        "comparison": {"answers": [["squat", "squat", 100]], "windows": counts, **lists},
        **other,
    }


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text("shadow: {min_windows: 50}\n")
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    return tmp_path


def test_the_report_says_what_speaks_against_a_promotion(workspace: Path, engine: Engine) -> None:
    run = CliRunner()
    with pytest.raises(InputError, match="nothing was compared since"):
        run.invoke(command, ["report"], catch_exceptions=False)
    with engine.begin() as connection:
        record_comparison(connection, row([["squat", "squat", 90], ["squat", "wave", 10], ["wave", "wave", 100]]))
    fine = run.invoke(command, ["report", "--json"])
    assert fine.exit_code == 0, fine.output
    result = json.loads(fine.output)
    assert (result["answers"], result["windows"], result["dropped"], result["passed"]) == (100, 200, 5, True)
    assert result["agreement"] == {"squat": 0.9, "wave": 1.0}
    assert result["confusion"] == [["squat", "squat", 90], ["squat", "wave", 10], ["wave", "wave", 100]]
    assert result["latency_ms"]["champion"]["p50"] == 2.0
    assert result["latency_ms"]["challenger"]["p95"] == 4.0
    assert {each["figure"]: each["value"] for each in result["limits"]}["agreement of windows"] == 0.95
    assert "no limit speaks against promoting it" in result["says"]
    page = (workspace / "build/shadow/report.html").read_text()
    assert "Confusion matrix" in page
    assert re.search(r">squat<.{0,40}>wave<.{0,40}>10<", page), "the windows that they name differently"
    worse = row([["squat", "wave", 200]], failed=3)
    with engine.begin() as connection:
        record_comparison(connection, worse | {"comparison": worse["comparison"] | {"challenger_ms": [9.0] * 90}})
    with pytest.raises(GateError, match=r"should not be promoted: agreement of windows 0\.475 below 0\.8; ratio of"):
        run.invoke(command, ["report"], catch_exceptions=False)
    told = json.loads((workspace / "build/shadow/shadow.json").read_text())
    assert "share of failures" in told["failed"]


def test_few_windows_are_not_judged_and_pairs_are_kept_apart(workspace: Path, engine: Engine) -> None:
    run = CliRunner()
    with engine.begin() as connection:
        record_comparison(connection, row([["squat", "wave", 200]], challenger="posemill-activity:0"))
        record_comparison(connection, row([["squat", "wave", 20]]))
    few = run.invoke(command, ["report"])
    assert few.exit_code == 0
    assert "20 windows were compared; 50 are needed" in few.output
    with pytest.raises(GateError, match="posemill-activity:0 should not be promoted"):
        run.invoke(command, ["report", "--challenger", "posemill-activity:0"], catch_exceptions=False)
