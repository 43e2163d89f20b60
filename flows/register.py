"""Registers posemill on a Prefect server: work pool, deployments of prefect.yaml, automations. Safe to repeat.

python -m flows.register                      a work pool of type process
python -m flows.register --type kubernetes    or docker; job templates are in deploy/work-pools/
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from flows._automations import automations, register_automations
from flows._house import root
from posemill.errors import InputError

POOL = "posemill"
TYPES = ("process", "docker", "kubernetes")
NOTIFY = "notify/notify"


def register(kind: str, root: Path) -> list[str]:
    """Register everything; return a line about each part.

    kind  of the work pool, one of TYPES.
    root  folder with prefect.yaml, flows/ and deploy/work-pools/; flows run there.
    Errors: InputError where the pool exists with another type, or `prefect deploy` refuses.
    """
    with get_client(sync_client=True) as client:
        said = [register_pool(client, kind, template(root, kind))]
        deploy(root)
        said.append("deployments: " + ", ".join(sorted(d.name for d in client.read_deployments())))
        notify = client.read_deployment_by_name(NOTIFY).id
        return [*said, *(f"automation {name}" for name in register_automations(client, automations(notify)))]


def template(root: Path, kind: str) -> dict[str, Any]:
    """Return the job template of a type. Errors: InputError where the file is missing."""
    path = root / "deploy" / "work-pools" / f"{kind}.json"
    if not path.is_file():
        raise InputError(f"no {path}: run this in posemill's repository, or a workspace that was filled from it")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def register_pool(client: SyncPrefectClient, kind: str, job_template: dict[str, Any]) -> str:
    """Create the work pool, or give it this template."""
    try:
        there = client.read_work_pool(POOL)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=POOL, type=kind, base_job_template=job_template))
        return f"work pool {POOL} of type {kind} created"
    if there.type != kind:
        raise InputError(
            f"the work pool {POOL} is of type {there.type}, not {kind}: delete it first "
            f"(`prefect work-pool delete {POOL}`), which ends its schedules until this command is repeated"
        )
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=job_template))
    return f"work pool {POOL} of type {kind} has its job template"


def deploy(root: Path) -> None:
    """Register the deployments of prefect.yaml. Errors: InputError with Prefect's last line."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it gave no reason"]
        raise InputError(f"`prefect deploy --all` failed: {said[-1].strip()}")


def main() -> None:
    """Register at the terminal; exit code 1 and one sentence on an error."""
    parser = argparse.ArgumentParser(description="Register work pool, deployments and automations.")
    parser.add_argument("--type", default=TYPES[0], choices=TYPES, help="of the work pool")
    try:
        print("\n".join(register(parser.parse_args().type, root())))
    except InputError as exc:
        print(f"posemill: error: {exc}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
