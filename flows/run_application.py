"""Runs an application over a dataset: results into the database, an event of Prefect for every alarm.

python -m flows.run_application fall
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows._dvc import StageRun
from flows._house import flow, task
from flows._report import plain
from posemill.operations import applications

if TYPE_CHECKING:
    from posemill.applications.result import ApplicationResult

EVENT = "posemill.application"


@task(name="run-application", task_run_name="{name}")
def run_one(name: str, params: dict[str, Any], dataset: str | None) -> applications.ApplicationsResult:
    """All media of a dataset; those whose result is stored already are left out."""
    return applications.run(name, params, dataset=dataset, on_result=emit_alarms)


@flow(name="run-application")
def run_application(name: str, params: dict[str, Any] | None = None, dataset: str | None = None) -> list[StageRun]:
    """Run an application on stored tracks, and publish what it did.

    name     of the application, see `posemill apps`.
    params   its parameters.
    dataset  None: all.
    """
    started = time.monotonic()
    result = run_one(name, params or {}, dataset)
    figures = result.summary()
    create_markdown_artifact(f"**{name}** {plain(figures)}", key="application", description=plain(figures))
    return [StageRun(name, "ran", time.monotonic() - started, figures)]


def emit_alarms(medium: str, result: ApplicationResult) -> None:
    """One event an alarm, which Prefect's automations can turn into a message or another flow."""
    for event in result.events:
        if event.severity == "alarm":
            emit_event(
                event=f"{EVENT}.{result.application}.{event.kind}",
                resource={"prefect.resource.id": f"posemill.medium.{medium}", "prefect.resource.name": result.source},
                payload=asdict(event),
            )


if __name__ == "__main__":
    from flows._main import main

    main(run_application, lambda _workspace: [], *sys.argv[1:2])
