"""Drift monitoring: live data against the training data; a Prefect event when they differ.

python -m flows.monitor
"""

from __future__ import annotations

import time

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows._dvc import StageRun
from flows._house import WAIT_S, flow, root, task
from posemill import params
from posemill.operations import monitor as stage
from posemill.stages.workspace import Workspace

EVENT = "posemill.drift"


@task(name="compare", timeout_seconds=600)
def compare(since_days: float | None = None) -> stage.MonitorResult:
    """Live data against the reference of the package; writes build/monitor/."""
    workspace = Workspace(root())
    section = params.load(workspace.params).monitor
    return stage.run(section, workspace, workspace.output("monitor"), since_days=since_days)


@flow(name="monitor")
def monitor(since_days: float | None = None, retrain: bool = False, wait_s: float = WAIT_S) -> list[StageRun]:
    """Compare, publish, and where something is past its limit: tell, then build a new model or fail.

    since_days  how far back; None: monitor.since_days of params.yaml.
    retrain     build a model from what the database has now, instead of failing.
    Errors: GateError with one sentence on a drift, unless `retrain`.
    """
    started = time.monotonic()
    found = compare(since_days)
    create_markdown_artifact(table(found), key="monitor", description=found.says)
    done = [StageRun("monitor", "ran", time.monotonic() - started, found.summary())]
    if found.passed:
        return done
    emit(found, retrain)
    if not retrain:
        stage.require(found)
    from flows.build_model import build_model

    return [*done, *build_model(wait_s=wait_s)]


def emit(found: stage.MonitorResult, retrain: bool) -> None:
    """One event, which Prefect's automations can turn into a message or another flow."""
    emit_event(
        event=EVENT,
        resource={"prefect.resource.id": f"posemill.bento.{found.bentos[0]}", "prefect.resource.name": found.bentos[0]},
        payload={"says": found.says, "drifted": found.drifted, "retrain": retrain, "rows": found.rows},
    )


def table(found: stage.MonitorResult) -> str:
    """The figures as Markdown."""
    rows = ["| figure | PSI | KS | live | training | verdict |", "|---|---:|---:|---|---|---|"]
    for row in found.rows:
        psi, ks = ("–" if row[name] is None else f"{row[name]:.2f}" for name in ("psi", "ks"))
        verdict = "within limits" if row["passed"] else "**changed**"
        rows.append(f"| {row['figure']} | {psi} | {ks} | {row['seen']} | {row['trained']} | {verdict} |")
    report = Workspace(root()).output("monitor") / "report.html"
    return "\n".join([found.says, "", *rows, "", f"[report]({report.as_uri()})", ""])


if __name__ == "__main__":
    from functools import partial

    from flows._main import main
    from flows._report import stage_rows

    main(monitor, partial(stage_rows, stages=("monitor",)))
