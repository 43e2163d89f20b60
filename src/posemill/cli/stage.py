"""`posemill stage NAME`: one stage of the graph, as dvc.yaml calls it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module

import click

from posemill.errors import GateError
from posemill.stages.result import StageResult
from posemill.stages.workspace import GATE, STAGES, Workspace
from posemill.telemetry import trace

SHOWN = 50  # lines about what was set aside


@click.command()
@click.argument("name", type=click.Choice([*STAGES, GATE]))
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def stage(name: str, quiet: bool, as_json: bool) -> None:
    """Run one stage of dvc.yaml, whether or not anything changed.

    \b
    `dvc repro` calls this for every stage that is out of date:
      posemill stage label
    """
    from posemill.settings import Settings
    from posemill.stages.failure import attempt

    workspace = Workspace(Settings.from_env().workspace)
    started = time.monotonic()
    trace.start("posemill-stage")
    carried = {trace.FLOW_RUN: run} if (run := trace.baggage().get(trace.FLOW_RUN)) else {}
    with (
        trace.root(f"stage {name}", trace.from_environment(), posemill__stage=name, **carried),
        attempt(workspace, name),
    ):
        result = _run(name, workspace)
    if refused := getattr(result, "refused", None):
        click.echo(f"posemill: refused: {refused}", err=True)
    if as_json:
        click.echo(result.model_dump_json())
    elif not quiet:
        figures = ", ".join(f"{key} {value}" for key, value in result.summary().items())
        click.echo(f"{name}: {figures} ({time.monotonic() - started:.1f} s)")
        for line in set_aside(getattr(result, "reasons", {})):
            click.echo(line, err=True)


def _run(name: str, workspace: Workspace) -> StageResult:
    """Run one stage and write its result.json. Errors: also GateError where no gate stage follows a refusal."""
    from posemill import params
    from posemill.stages import gate

    if name == GATE:
        return gate.run(workspace)
    section, outputs = params.load(workspace.params).section(name), workspace.output(name)
    outputs.mkdir(parents=True, exist_ok=True)
    result: StageResult = import_module(f"posemill.stages.{name}").run(section, workspace, outputs)
    result.write(outputs)
    if (refused := getattr(result, "refused", None)) and not gate.under_dvc():
        raise GateError(refused)
    return result


def set_aside(reasons: Mapping[str, str]) -> list[str]:
    """One line for each thing that the stage set aside, by its name; of many, the first ones."""
    lines = [f"{name} is in quarantine: {reason}" for name, reason in list(reasons.items())[:SHOWN]]
    more = len(reasons) - len(lines)
    return [*lines, f"and {more} more: see `posemill quarantine`"] if more else lines
