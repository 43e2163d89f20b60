"""Metrics of the workspace for Prometheus: known rows and files, known figures; and the alerts on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import Engine, text

from event_receivers import free_port
from posemill.operations.exporter.server import registry, serve
from posemill.settings import Settings
from posemill.store import catalog
from waiting import until

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "alerts.yml"


def figures(settings: Settings, prefect_url: str | None = None) -> dict[str, float]:
    """Every series that is shown, by name and labels."""
    from prometheus_client import generate_latest

    lines = generate_latest(registry(settings, prefect_url)).decode().splitlines()
    return {s: float(v) for s, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_the_queue_is_the_ledger(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        media = [catalog.MediumRow(f"{n:064x}", "home", f"{n}.mp4", "ann") for n in range(4)]
        catalog.add_media(connection, media)
        for medium, start, state, frames in ((1, 0, "done", 90), (1, 100, "queued", None), (2, 0, "failed", None)):
            connection.execute(
                text(
                    "INSERT INTO label_job (medium_id, fingerprint, start_frame, state, frames) "
                    "VALUES (:medium, 'f', :start, :state, :frames)"
                ),
                {"medium": medium, "start": start, "state": state, "frames": frames},
            )
        connection.execute(
            text(
                "INSERT INTO quarantine (entity_type, medium_id, stage, reason) "
                "VALUES ('medium', 3, 'ingest', 'broken')"
            )
        )
    shown = figures(settings)
    chunks = {name: value for name, value in shown.items() if name.startswith("posemill_label_chunks")}
    assert chunks == {
        'posemill_label_chunks{state="queued"}': 1,
        'posemill_label_chunks{state="leased"}': 0,
        'posemill_label_chunks{state="done"}': 1,
        'posemill_label_chunks{state="failed"}': 1,
    }
    assert shown["posemill_label_frames"] == 90
    assert shown["posemill_label_unplanned_media"] == 1  # the fourth: the third is in quarantine
    assert shown['posemill_media{kind="video"}'] == 4
    assert shown["posemill_quarantined"] == 1
    assert shown["posemill_database_up"] == 1
    assert shown["posemill_database_bytes"] > 1e6


def test_the_chart_scales_by_the_same_queue(settings: Settings, engine: Engine) -> None:
    helper = (RULES.parents[1] / "helm" / "posemill" / "templates" / "_helpers.tpl").read_text()
    query = helper.partition('{{- define "posemill.queue" -}}')[2].partition("{{- end }}")[0]
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(f"{n:064x}", "home", f"{n}.mp4", "ann") for n in range(3)])
        connection.execute(text("INSERT INTO label_job (medium_id, fingerprint) VALUES (1, 'f')"))
        assert connection.scalar(text(query)) == 3  # a chunk that waits, and two videos that nobody has planned
    shown = figures(settings)
    assert shown['posemill_label_chunks{state="queued"}'] + shown["posemill_label_unplanned_media"] == 3


def test_a_database_that_is_away_is_a_figure(settings: Settings, tmp_path: Path) -> None:
    away = Settings(tmp_path, tmp_path, database_url="postgresql://me@127.0.0.1:9/none", store_url=str(tmp_path))
    shown = figures(away)
    assert shown["posemill_database_up"] == 0
    assert "posemill_quarantined" not in shown
    assert shown['posemill_disk_free_bytes{place="store"}'] > 0


def test_gate_and_drift_are_those_of_the_last_run(settings: Settings, tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, database_url="postgresql://me@127.0.0.1:9/none", store_url="s3://b/store")
    assert not [name for name in figures(settings) if name.startswith(("posemill_gate", "posemill_drift"))]
    for stage, file, content in (
        ("package", "result.json", {"refused": "accuracy 0.6 is below its gate 0.8"}),
        (
            "monitor",
            "monitor.json",
            {
                "passed": False,
                "rows": [
                    {"figure": "body size", "psi": 0.5, "ks": 0.2},
                    {"figure": "activities", "psi": 0.1, "ks": None},
                ],
            },
        ),
    ):
        path = tmp_path / "build" / stage / file
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
        os.utime(path, (1_700_000_000, 1_700_000_000))
    shown = figures(settings)
    assert shown["posemill_gate_passed"] == shown["posemill_drift_passed"] == 0
    assert shown["posemill_package_timestamp_seconds"] == 1_700_000_000
    assert shown['posemill_drift_psi{figure="body size"}'] == 0.5
    assert shown['posemill_drift_ks{figure="body size"}'] == 0.2
    assert 'posemill_drift_ks{figure="activities"}' not in shown
    assert 'posemill_disk_free_bytes{place="store"}' not in shown  # not a disk of this machine
    (tmp_path / "build" / "package" / "result.json").write_text('{"refused": null}')
    (tmp_path / "build" / "monitor" / "monitor.json").write_text("{")  # being written
    shown = figures(settings)
    assert shown["posemill_gate_passed"] == 1
    assert "posemill_drift_passed" not in shown


@pytest.fixture
def prefect_server() -> Iterator[str]:
    """A server that answers as Prefect's: two failed runs of yesterday, one that runs since 1970, no work pool."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = 200, self.answer(asked)
            if self.path.startswith("/api/work_pools/"):
                status, answer = 404, {"detail": "Work pool not found"}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self, asked: dict[str, Any]) -> Any:
            if self.path.endswith("/filter"):
                return [{"start_time": "1970-01-01T00:00:00+00:00"}]
            return 2 if asked["flow_runs"]["state"].get("type", {}).get("any_") == ["FAILED"] else 0

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()
    thread.join()


def test_flow_runs_are_those_of_prefects_server(settings: Settings, prefect_server: str) -> None:
    shown = figures(settings, prefect_server)
    assert shown["posemill_prefect_up"] == 1
    assert shown['posemill_flow_runs{state="failed"}'] == 2
    assert shown['posemill_flow_runs{state="crashed"}'] == 0
    assert shown["posemill_flow_run_longest_seconds"] > 1.7e9
    assert shown["posemill_workers_online"] == 0
    assert figures(settings, "http://127.0.0.1:9/api")["posemill_prefect_up"] == 0


def test_it_serves_until_it_is_ended(settings: Settings) -> None:
    ended, port = threading.Event(), free_port()
    thread = threading.Thread(target=serve, args=(settings, None, "127.0.0.1", port, ended))
    thread.start()
    try:

        def answer() -> str | None:
            with suppress(httpx.ConnectError):
                return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
            return None

        assert "posemill_database_up 1.0" in until(answer)
    finally:
        ended.set()
        thread.join()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30)


# of every alert: the series that fire it (an hour and more of minutes), and labels of the alert
FIRED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "PosemillServiceDown": ({'up{job="posemill-service"}': "0x180"}, {"job": "posemill-service"}),
    "PosemillExporterDown": ({'up{job="posemill-exporter"}': "0x180"}, {"job": "posemill-exporter"}),
    "PosemillDatabaseDown": ({"posemill_database_up": "0x180"}, {}),
    "PosemillErrors": (
        {
            'posemill_request_seconds_count{status="500"}': "0+1x180",
            'posemill_request_seconds_count{status="200"}': "0+9x180",
        },
        {},
    ),
    "PosemillSlow": (
        {
            'posemill_request_seconds_bucket{endpoint="/predict_track",le="1.0"}': "0x180",
            'posemill_request_seconds_bucket{endpoint="/predict_track",le="2.5"}': "0+9x180",
            'posemill_request_seconds_bucket{endpoint="/predict_track",le="+Inf"}': "0+9x180",
        },
        {},
    ),
    "PosemillWindowsWait": ({"posemill_waiting_windows": "1001x180"}, {}),
    "PosemillAnswersLost": ({"posemill_record_lost": "0+1x180"}, {}),
    "PosemillDrift": ({"posemill_drift_passed": "0x180"}, {}),
    "PosemillDriftNotMeasured": ({"posemill_drift_timestamp_seconds": "-200000x180"}, {}),
    "PosemillGateFailed": ({"posemill_gate_passed": "0x180"}, {}),
    "PosemillLabellingStuck": (
        {'posemill_label_chunks{state="queued"}': "5x180", "posemill_label_frames": "900x180"},
        {"state": "queued"},
    ),
    "PosemillQueueLong": (
        {'posemill_label_chunks{state="queued"}': "10001x180", "posemill_label_frames": "0+60x180"},
        {"state": "queued"},
    ),
    "PosemillDiskLow": (
        {
            'posemill_disk_free_bytes{place="home"}': "9e10x180",
            'posemill_disk_size_bytes{place="home"}': "1e12x180",
        },
        {"place": "home"},
    ),
    "PosemillFlowFailed": ({'posemill_flow_runs{state="crashed"}': "1x180"}, {"state": "crashed"}),
    "PosemillFlowStuck": ({"posemill_flow_run_longest_seconds": "200000x180"}, {}),
    "PosemillNoWorker": ({"posemill_workers_online": "0x180"}, {}),
}
WELL = {
    'up{job="posemill-service"}': "1x180",
    'posemill_request_seconds_count{status="200"}': "0+100x180",
    'posemill_request_seconds_count{status="500"}': "0+1x180",
    "posemill_database_up": "1x180",
    "posemill_gate_passed": "1x180",
    "posemill_drift_passed": "1x180",
    'posemill_label_chunks{state="queued"}': "5x180",
    "posemill_label_frames": "0+60x180",
    'posemill_disk_free_bytes{place="home"}': "5e11x180",
    'posemill_disk_size_bytes{place="home"}': "1e12x180",
    'posemill_flow_runs{state="failed"}': "0x180",
    "posemill_flow_run_longest_seconds": "3600x180",
    "posemill_workers_online": "1x180",
}


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        assert not os.environ.get("PROMETHEUS_REQUIRED"), "no promtool"
        pytest.skip("no promtool: tools/test_tools.sh prometheus installs it")
    return program


def rules() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}


def run_promtool(promtool: str, tests: list[dict[str, Any]], folder: Path) -> None:
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_by_its_figures(promtool: str, tmp_path: Path) -> None:
    assert set(FIRED) == set(rules())
    tests = []
    for alert, (series, labels) in FIRED.items():
        expected = {"severity": rules()[alert]["labels"]["severity"], **labels}
        tests.append(
            {
                "name": alert,
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                        "eval_time": "150m",
                        "exp_samples": [
                            {
                                "labels": "ALERTS"
                                + json.dumps({"alertname": alert, "alertstate": "firing", **expected})
                                .replace('": ', "=")
                                .replace('{"', "{")
                                .replace(', "', ", "),
                                "value": 1,
                            }
                        ],
                    }
                ],
            }
        )
    run_promtool(promtool, tests, tmp_path)


def test_none_fires_while_all_is_well(promtool: str, tmp_path: Path) -> None:
    quiet = [
        {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
        for minute in (30, 90, 170)
        for alert in rules()
    ]
    series = [{"series": name, "values": values} for name, values in WELL.items()]
    run_promtool(promtool, [{"interval": "1m", "input_series": series, "alert_rule_test": quiet}], tmp_path)


def test_the_rules_are_valid(promtool: str) -> None:
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True, capture_output=True, timeout=60)
