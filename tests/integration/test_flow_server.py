"""Deployments on a real Prefect server with a real worker, once a session.

Slow (about two minutes) and worth it: with a wrong version of fastapi or sqlalchemy Prefect starts, says nothing,
and its schedules never fire. Nothing else notices.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from posemill.settings import Settings
from posemill.store.postgres import open_engine
from posemill.uat.release import resume
from posemill.uat.signing import sign
from toy_workspace import REPOSITORY, attempts, toy_workspace, wish
from tried_bento import report_on, tried_bento
from waiting import until

pytestmark = pytest.mark.slow

LOST = ("PREFECT_", "POSEMILL_")  # settings of whoever runs the tests
QUICK = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "COLUMNS": "200",  # a narrow table shortens names
}


@dataclass(frozen=True)
class Running:
    """A server and a worker of the toy workspace."""

    url: str
    workspace: Path
    env: dict[str, str]

    def post(self, path: str, **body: Any) -> Any:
        answer = self.answer("POST", path, json=body)
        return answer.json() if answer.content else None

    def get(self, path: str, **query: str) -> Any:
        return self.answer("GET", path, params=query).json()

    def answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The server's answer; 503 means that SQLite was locked, and is asked again, as Prefect's own client does."""
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.request(method, f"{self.url}{path}", timeout=30, **request)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                answer.raise_for_status()
                return answer
            time.sleep(1)

    def table(self, key: str) -> str:
        """The newest Markdown artifact of that key."""
        return str(self.get(f"/artifacts/{key}/latest")["data"])

    def pause(self) -> dict[str, str]:
        """No more scheduled runs, and none of those at work; deployments by name."""
        found = {d["name"]: d["id"] for d in self.post("/deployments/filter")}
        for deployment in found.values():
            self.answer("POST", f"/deployments/{deployment}/pause_deployment")
        # of deployments: a run that was killed by hand is RUNNING for ever
        at_work = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}, "deployment_id": {"any_": list(found.values())}}
        until(lambda: not self.post("/flow_runs/filter", flow_runs=at_work), 120)
        return found

    def prefect(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        done = subprocess.run(command, cwd=self.workspace, env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("prefect")
    workspace = toy_workspace(folder / "workspace")
    shutil.copytree(REPOSITORY / "flows", workspace / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    every_minute = (REPOSITORY / "prefect.yaml").read_text().replace("15 * * * *", "* * * * *")
    assert "* * * * *" in every_minute
    (workspace / "prefect.yaml").write_text(every_minute)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if not k.startswith(LOST)} | QUICK
    env |= {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    server = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    worker = ("worker", "start", "--pool", "posemill", "--type", "process", "--name", "toy")
    running = Running(env["PREFECT_API_URL"], workspace, env)
    with background(running, server, folder / "server.log"):
        until(lambda: healthy(running.url), 150, folder / "server.log")
        running.prefect("work-pool", "create", "posemill", "--type", "process")
        running.prefect("deploy", "--all")
        with background(running, worker, folder / "worker.log"):
            yield running


class background:
    """A server for the length of a `with`; stopped by its own number."""

    def __init__(self, running: Running, arguments: tuple[str, ...], log: Path) -> None:
        self.command = [sys.executable, "-m", "prefect", *arguments]
        self.running, self.log = running, log

    def __enter__(self) -> None:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.running.workspace, env=self.running.env, stdout=log, stderr=log
            )

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def test_both_deployments_are_registered_with_their_schedules(running: Running) -> None:
    found = {d["name"]: d for d in running.post("/deployments/filter")}
    assert set(found) == {"hourly", "nightly", "daily-monitor", "daily-retention", "release", "application", "notify"}
    assert found["hourly"]["entrypoint"] == "flows/label_backlog.py:label_backlog"
    assert found["nightly"]["entrypoint"] == "flows/build_model.py:build_model"
    assert found["daily-monitor"]["entrypoint"] == "flows/monitor.py:monitor"
    assert found["release"]["entrypoint"] == "flows/release.py:release"
    assert found["application"]["entrypoint"] == "flows/run_application.py:run_application"
    for deployment in found.values():
        on_demand = deployment["name"] in ("release", "application", "notify")
        assert [s["active"] for s in deployment["schedules"]] == ([] if on_demand else [True])
        assert deployment["work_pool_name"] == "posemill"


def test_the_schedule_makes_runs_and_a_worker_executes_one(running: Running) -> None:
    def completed() -> list[dict[str, Any]]:
        runs = running.post("/flow_runs/filter", sort="EXPECTED_START_TIME_ASC")
        return [r for r in runs if r["auto_scheduled"] and r["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]

    until(lambda: len(completed()) > 0, 240)
    first = completed()[0]
    assert first["state_type"] == "COMPLETED", first["state"]
    assert attempts(running.workspace)[:3] == ["snapshot", "ingest", "label"]
    assert "label-backlog" in running.prefect("flow-run", "ls")  # its client reads null fields: the other pin
    table = running.table("label-backlog")
    assert "| snapshot | ran |" in table
    assert "clips 12" in table


def test_a_failing_stage_ends_in_a_failed_run_that_names_it(running: Running) -> None:
    nightly = running.pause()["nightly"]
    wish(running.workspace, validate={"error": "only one activity has clips: squat; add clips of another"})
    started = running.post(f"/deployments/{nightly}/create_flow_run")

    def run() -> dict[str, Any]:
        found: dict[str, Any] = running.get(f"/flow_runs/{started['id']}")
        return found

    until(lambda: run()["state_type"] in ("COMPLETED", "FAILED", "CRASHED"), 240)
    assert run()["state_type"] == "FAILED"
    assert "stage validate failed: only one activity has clips: squat" in run()["state"]["message"]
    assert "| validate | failed |" in running.table("build-model")
    assert "train" not in attempts(running.workspace)


def test_a_killed_run_goes_on_where_it_stopped(running: Running) -> None:
    running.pause()
    wish(running.workspace, label={"sleep_s": 5, "text": "new"})
    before = len(attempts(running.workspace))

    def flow() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "flows.label_backlog"]
        return subprocess.Popen(
            command, cwd=running.workspace, env=running.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    with flow() as first:
        until(lambda: attempts(running.workspace)[before:][-1:] == ["label"], 180)
        first.kill()  # DVC and the stage under it live on, and hold the workspace
        with flow() as second:
            said = second.communicate(timeout=240)[0]
    assert second.returncode == 0, said
    assert "label-backlog waits up to 600 s for label-backlog (process" in said
    assert "Stage 'ingest' didn't change, skipping" in said
    assert said.splitlines()[-1] == "label     clips 12"
    assert attempts(running.workspace)[before:][:3] == ["snapshot", "label", "snapshot"]
    assert "label new" in (running.workspace / "build" / "label" / "toy.txt").read_text()


def test_a_release_is_suspended_until_exactly_its_bento_is_accepted(
    running: Running, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = running.pause()["release"]
    home = running.workspace / ".posemill"
    settings = Settings(running.workspace, home, database_url=database, store_url=str(home / "store"))
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.setenv(name, running.env[name])
    engine = open_engine(settings)
    with engine.begin() as connection:
        first = tried_bento(connection, settings, "first")
        report = report_on(first, running.workspace / "build" / "uat" / "1")
    variables = {"env": {"POSEMILL_DATABASE_URL": database}}

    def start() -> str:
        made = running.post(f"/deployments/{deployment}/create_flow_run", job_variables=variables)
        return str(made["id"])

    def state(run: str) -> tuple[str, str]:
        found = running.get(f"/flow_runs/{run}")
        assert found["state_name"] not in ("Failed", "Crashed") or run in ended, found["state"]
        return found["state_name"], found["state"]["message"] or ""

    def suspensions(run: str) -> int:
        states = running.get("/flow_run_states/", flow_run_id=run)
        return sum(state["name"] == "Suspended" for state in states)

    ended: set[str] = set()
    waiting = start()
    until(lambda: state(waiting)[0] == "Suspended", 120)
    assert f"posemill uat sign --by NAME {report}" in running.table("release")
    with engine.begin() as connection:
        tried_bento(connection, settings, "second")  # a newer build: the run goes on with the one that it began with
    assert resume(settings).startswith("resumed ")
    until(lambda: suspensions(waiting) == 2, 120)  # nobody has signed
    with engine.begin() as connection:
        sign(connection, settings, report, by="anna", reject=False, conditions=None, added_by="x")
    assert resume(settings).startswith("resumed ")
    until(lambda: state(waiting)[0] == "Completed", 120)
    with engine.begin() as connection:
        stages = connection.execute(text("SELECT bento_tag, stage FROM model_version ORDER BY id"))
        assert [tuple(row) for row in stages] == [
            ("posemill-activity:first", "released"),
            ("posemill-activity:second", "candidate"),
        ]
        third = tried_bento(connection, settings, "third")
        rejected = report_on(third, running.workspace / "build" / "uat" / "3", run="3" * 16)
        sign(connection, settings, rejected, by="bert", reject=True, conditions="falls are missed", added_by="x")
    ended.add(refused := start())
    until(lambda: state(refused)[0] == "Failed", 120)
    assert "posemill-analysis:third is not released: bert rejected it on" in state(refused)[1]
    engine.dispose()


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False
