"""deploy/compose.yaml: every command that can be had here, as a process with the container's environment.

Slow (some minutes) and worth it: no container engine is needed to see that the commands, variables, names and files of
compose.yaml fit each other, that a failed flow is told of, and that every panel of the dashboard has its metric.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest
import yaml

from composed import DEPLOY, REPOSITORY, Containers, composed
from event_receivers import HookReceiver
from event_receivers import hook_receiver as hook_receiver
from object_stores import KEY, SECRET, s3_server
from posemill.store.embedded import EmbeddedServer
from posemill.synth import corpus
from server_statement import execute
from waiting import until

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
SERVICES = ("prefect-server", "worker", "labeller", "service", "exporter", "prometheus")
NOT_HERE = {"alertmanager", "grafana"}  # their files are checked below
# made by flows that did not run in this workspace yet
LATER = {"posemill_gate_passed", "posemill_drift_passed", "posemill_drift_psi", "posemill_drift_ks"}
LATER |= {"posemill_drift_timestamp_seconds"}


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Everything of compose.yaml, started in the order of `depends_on`."""
    folder = tmp_path_factory.mktemp("compose")
    home = Path(os.environ.get("TMPDIR", "/tmp")) / f"posemill-compose-{os.getpid()}"
    home.mkdir(mode=0o755)
    postgres = EmbeddedServer(home)
    try:
        _, password, address, _ = re.split(r"://posemill:|@|/", postgres.start())
        for statement in (DEPLOY / "postgres" / "prefect.sql").read_text().splitlines():
            if not statement.startswith("--"):
                execute(str(postgres.url()), statement.rstrip(";"))
        secrets = {
            "POSTGRES_PASSWORD": password,
            "S3_ACCESS_KEY": KEY,
            "S3_SECRET_KEY": SECRET,
            "GRAFANA_PASSWORD": "x",
        }
        with s3_server(folder) as port:
            hosts = {"postgres:5432": address, "objects:7070": f"127.0.0.1:{port}"}
            started = Containers(composed(secrets), folder, hosts, paths_under(folder))
            try:
                start(started)
                yield started
            finally:
                started.stop()
    finally:
        postgres.stop()
        shutil.rmtree(postgres.data.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def paths_under(folder: Path) -> dict[str, str]:
    paths = {"/opt/posemill": str(REPOSITORY), "/tmp/prefect": str(folder / "prefect")}
    for path in ("/workspace", "/run/posemill/keys", "/etc/prometheus", "/prometheus"):
        paths[path] = str(folder / path.strip("/").replace("/", "-"))
        Path(paths[path]).mkdir()
    return paths


def start(containers: Containers) -> None:
    for name, port in (("prefect-server", 4200), ("service", 3000), ("exporter", 9464), ("prometheus", 9090)):
        containers.address(name, port)
    containers.address("alertmanager", 9093)
    containers.run("migrate")
    containers.start("prefect-server")
    answers(containers, "prefect-server", 4200, "/api/health", 400)
    containers.run("deployments")
    if shutil.which("prometheus"):
        for file in (DEPLOY / "prometheus").iterdir():
            text = containers.here(file.read_text())
            # seconds in place of a quarter of a minute: the test waits for the first figures
            Path(containers.here("/etc/prometheus"), file.name).write_text(
                text.replace("interval: 15s", "interval: 2s")
            )
        containers.services["prometheus"]["command"].append(
            f"--web.listen-address={containers.address('prometheus', 9090)}"
        )
        containers.start("prometheus")
        answers(containers, "prometheus", 9090, "/-/ready", 60)
    else:
        assert not os.environ.get("PROMETHEUS_REQUIRED"), "no prometheus"
    for name in ("worker", "exporter", "service"):
        containers.start(name)
    answers(containers, "exporter", 9464, "/metrics", 200)
    answers(containers, "service", 3000, "/readyz", 600)


def answers(containers: Containers, name: str, port: int, path: str, limit_s: float) -> None:
    url = f"http://{containers.address(name, port)}{path}"

    def ready() -> bool:
        assert containers.alive(name), containers.log(name).read_text()[-3000:]
        try:
            return httpx.get(url, timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    until(ready, limit_s, containers.log(name))


class Prefect:
    def __init__(self, containers: Containers) -> None:
        self.url = f"http://{containers.address('prefect-server', 4200)}/api"

    def post(self, path: str, **body: Any) -> Any:
        answer = httpx.post(f"{self.url}{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", timeout=30).raise_for_status().json()

    def run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """Start a run of a deployment and wait for its end."""
        number = self.get(f"/deployments/name/{deployment}")["id"]
        run = self.post(f"/deployments/{number}/create_flow_run", parameters=parameters)["id"]
        ended = ("COMPLETED", "FAILED", "CRASHED")
        return until(lambda: (r := self.get(f"/flow_runs/{run}"))["state_type"] in ended and r, 180)


@pytest.fixture
def prefect(containers: Containers) -> Prefect:
    return Prefect(containers)


@pytest.fixture
def channel(containers: Containers, hook_receiver: HookReceiver) -> Iterator[HookReceiver]:
    """A webhook in the workspace's channels.yaml."""
    path = Path(containers.here("/workspace")) / "channels.yaml"
    path.write_text(yaml.safe_dump({"channels": [{"kind": "webhook", "name": "hook", "url": hook_receiver.url}]}))
    yield hook_receiver
    path.unlink()


def metrics(containers: Containers, name: str, port: int, key: str | None = None) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"http://{containers.address(name, port)}/metrics", headers=headers, timeout=30)
    lines = [line.rsplit(" ", 1) for line in answer.raise_for_status().text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, value in lines}


def test_every_service_is_started_here_or_named_as_one_that_cannot_be(containers: Containers) -> None:
    jobs = {name for name, service in containers.services.items() if service.get("restart") == "no"}
    assert jobs == {"migrate", "deployments"}
    assert set(containers.services) == {*SERVICES, *jobs, *NOT_HERE, "postgres", "objects"}
    for name in containers.running:
        assert containers.alive(name), containers.log(name).read_text()[-2000:]


def test_jobs_may_run_again(containers: Containers) -> None:
    key = Path(containers.here("/run/posemill/keys/metrics")).read_text()
    params = Path(containers.here("/workspace")) / "params.yaml"
    params.write_text(params.read_text() + "# mine\n")
    containers.run("migrate")
    assert Path(containers.here("/run/posemill/keys/metrics")).read_text() == key
    assert params.read_text().endswith("# mine\n")
    said = containers.run("deployments")
    assert "work pool posemill of type process has its job template" in said


def test_pool_deployments_and_automations_are_registered_once(prefect: Prefect) -> None:
    pool = prefect.get("/work_pools/posemill")
    assert pool["type"] == "process"
    assert pool["base_job_template"] == json.loads((DEPLOY / "work-pools" / "process.json").read_text())
    names = {d["name"] for d in prefect.post("/deployments/filter")}
    assert names == {"hourly", "nightly", "daily-monitor", "daily-retention", "release", "application", "notify"}
    automations = sorted(a["name"] for a in prefect.post("/automations/filter"))
    assert automations == [
        "posemill: crash flow runs that never had a heartbeat",
        "posemill: crash flow runs without heartbeat",
        "posemill: drift",
        "posemill: flow run does not end",
        "posemill: flow run failed",
    ]


def test_a_failed_flow_is_told_to_the_channels(prefect: Prefect, channel: HookReceiver) -> None:
    run = prefect.run("monitor/daily-monitor")  # nothing was packaged here yet
    assert run["state_type"] == "FAILED"
    until(lambda: channel.bodies, 120)
    event = json.loads(channel.bodies[0])["event"]
    assert (event["application"], event["kind"], event["severity"]) == ("operations", "flow-failed", "alarm")
    assert event["message"].startswith(f"monitor ({run['name']}) Failed: ")
    assert "reference.json" in event["message"]  # the reason, as the flow gave it


def test_a_run_whose_process_was_killed_is_crashed_by_the_automation(prefect: Prefect) -> None:
    from flows import _automations
    from prefect.client.orchestration import SyncPrefectClient

    notify = UUID(prefect.get("/deployments/name/notify/notify")["id"])
    flow = prefect.post("/flows/", name="killed")["id"]
    run = prefect.post("/flow_runs/", flow_id=flow, state={"type": "RUNNING", "name": "Running"})["id"]
    with SyncPrefectClient(prefect.url) as client:
        quick = _automations.automations(notify, heartbeat_lost=timedelta(seconds=10))
        _automations.register_automations(client, quick[:1])
        crashed = _heartbeats_until_crashed(prefect, client, run)
        _automations.register_automations(client, _automations.automations(notify))
    assert "No heartbeat" in crashed["state"]["message"]


def _heartbeats_until_crashed(prefect: Prefect, client: SyncPrefectClient, run: str) -> dict[str, Any]:
    """Report from a run every 45 s, which is too seldom for an automation that waits 10 s.

    More than one report, since a server applies a changed automation only after it has read it again, and nothing tells
    when; a real run's reports begin long after that.
    """
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
    last = -math.inf

    def crashed() -> dict[str, Any] | None:
        nonlocal last
        if time.monotonic() - last > 45:
            last = time.monotonic()
            heartbeat = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "resource": resource}
            heartbeat |= {"event": "prefect.flow-run.heartbeat", "related": [], "payload": {}}
            client.request("POST", "/events", json=[heartbeat])
        found = prefect.get(f"/flow_runs/{run}")
        return found if found["state_type"] == "CRASHED" else None

    return until(crashed, 180)


def test_a_labeller_poses_what_is_added_and_the_store_is_the_object_store(
    containers: Containers, tmp_path: Path
) -> None:
    video = corpus.write(corpus.stage(corpus.plan(seed=5, subjects=1, activities=["wave"])[0]), tmp_path)
    containers.run("labeller", ["posemill", "add", str(video), "--activity", "wave", "--dataset", "toy"])
    waiting = metrics(containers, "exporter", 9464)
    assert waiting["posemill_label_unplanned_media"] == 1
    containers.start("labeller")

    def tracked() -> bool:
        assert containers.alive("labeller"), containers.log("labeller").read_text()[-3000:]
        return '"event": "tracked"' in containers.log("labeller").read_text()

    until(tracked, 300, containers.log("labeller"))
    done = metrics(containers, "exporter", 9464)
    assert done['posemill_label_chunks{state="done"}'] >= 1
    assert done["posemill_label_unplanned_media"] == 0
    assert done["posemill_label_frames"] > 10
    assert not (Path(containers.here("/workspace")) / ".posemill" / "store").exists()


def test_metrics_need_the_key_that_the_job_made(containers: Containers) -> None:
    address = containers.address("service", 3000)
    assert httpx.get(f"http://{address}/metrics", timeout=30).status_code == 401
    key = Path(containers.here("/run/posemill/keys/metrics")).read_text().strip()
    assert metrics(containers, "service", 3000, key)["posemill_requests_in_progress"] >= 1
    assert httpx.get(f"http://{address}/livez", timeout=30).status_code == 200


def test_prometheus_reaches_both_and_knows_the_rules(containers: Containers) -> None:
    if "prometheus" not in containers.running:
        pytest.skip("no prometheus: tools/test_tools.sh prometheus installs it")
    url = f"http://{containers.address('prometheus', 9090)}/api/v1"

    def up() -> bool:
        targets = httpx.get(f"{url}/targets", timeout=30).json()["data"]["activeTargets"]
        return {(t["labels"]["job"], t["health"]) for t in targets} == {
            ("posemill-service", "up"),
            ("posemill-exporter", "up"),
        }

    until(up, 60, containers.log("prometheus"))
    rules = httpx.get(f"{url}/rules", timeout=30).json()["data"]["groups"][0]["rules"]
    assert len(rules) == len(yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"])
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_every_expression_of_dashboard_and_alerts_has_its_metric(containers: Containers) -> None:
    key = Path(containers.here("/run/posemill/keys/metrics")).read_text().strip()
    address = containers.address("service", 3000)
    windows = {"windows": [[[[0.0, 0.0, 0.0]] * 17] * 30]}  # of a wrong shape: a refusal is counted too
    httpx.post(
        f"http://{address}/predict_windows", json=windows, headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    series = {*metrics(containers, "exporter", 9464), *metrics(containers, "service", 3000, key)}
    known = {name.partition("{")[0] for name in series} | LATER | {"up"}
    asked = expressions()
    assert len(asked) > 40
    for expression in asked:
        named = set(re.findall(r"\b(?:posemill_\w+|process_\w+|up)\b", re.sub(r'"[^"]*"', "", expression)))
        assert named, expression
        assert named <= known, f"{expression}: no metric {named - known}"


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "posemill.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [*panels, *(rule["expr"] for rule in rules)]


def test_all_end_when_they_are_told_to(containers: Containers) -> None:
    """The last test of the module."""
    codes = containers.stop()
    assert set(codes) >= {"prefect-server", "worker", "service", "exporter"}
    assert -9 not in codes.values(), codes
