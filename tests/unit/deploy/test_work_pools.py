"""Job templates of Prefect's work pools, filled in by the workers that use them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessJobConfiguration
from prefect_docker.worker import DockerWorkerJobConfiguration
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from posemill.settings import KNOWN

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
NO_SERVER = object()  # these templates name no block, so nobody is asked


def filled(configuration: Any, kind: str, **values: Any) -> Any:
    """A job as a worker would start it for a flow run."""
    template = json.loads((DEPLOY / "work-pools" / f"{kind}.json").read_text())
    job = asyncio.run(configuration.from_template_and_values(template, values, client=NO_SERVER))
    job.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="night-owl"))
    return job


def test_a_process_sends_heartbeats() -> None:
    job = filled(ProcessJobConfiguration, "process")
    assert job.env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "60"


def test_a_container_has_the_workspace_and_the_workers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"POSEMILL_DATABASE_URL": "postgresql://a", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    job = filled(DockerWorkerJobConfiguration, "docker")
    assert secrets.items() <= job.env.items()
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert job.networks == [f"{compose['name']}_default"]
    assert job.volumes == [f"{compose['name']}_workspace:/workspace"]
    assert "workspace" in compose["volumes"]
    assert job.container_create_kwargs["cap_drop"] == ["ALL"]
    assert {n for n in job.env if n.startswith("POSEMILL_")} <= set(KNOWN)


def test_a_job_is_valid_and_has_its_secrets_by_reference() -> None:
    job = filled(KubernetesWorkerJobConfiguration, "kubernetes", secret_name="mine", workspace_claim="gym-workspace")
    manifest = job.job_manifest
    kubernetes_validate.validate(manifest, "1.34", strict=True)
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert {"secretRef": {"name": "mine"}} in container["envFrom"]
    assert not [v for v in container["env"] if "PASSWORD" in v["name"] or "SECRET" in v["name"]]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    claims = [v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v]
    assert claims == ["gym-workspace"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]}


@pytest.mark.parametrize("kind", ["process", "docker", "kubernetes"])
def test_no_template_has_a_secret(kind: str) -> None:
    template = json.loads((DEPLOY / "work-pools" / f"{kind}.json").read_text())
    values = template["variables"]["properties"]["env"].get("default", {})
    for name, value in values.items():
        if any(word in name for word in ("SECRET", "PASSWORD", "KEY", "DATABASE_URL")):
            assert value == f"{{{{ ${name} }}}}"
