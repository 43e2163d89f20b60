"""`posemill stage NAME`: what every line of dvc.yaml calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module

import click

from posemill.stages.workspace import STAGES, Workspace

SHOWN = 50  # lines about what was set aside


@click.command()
@click.argument("name", type=click.Choice(STAGES))
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def stage(name: str, quiet: bool, as_json: bool) -> None:
    """Run one stage of dvc.yaml, whether or not anything changed.

    \b
    `dvc repro` calls this for every stage that is out of date:
      posemill stage label
    """
    from posemill import params
    from posemill.settings import Settings
    from posemill.stages.failure import attempt

    workspace = Workspace(Settings.from_env().workspace)
    outputs = workspace.output(name)
    started = time.monotonic()
    with attempt(workspace, name):
        section = params.load(workspace.params).section(name)
        outputs.mkdir(parents=True, exist_ok=True)
        result = import_module(f"posemill.stages.{name}").run(section, workspace, outputs)
        result.write(outputs)
    if as_json:
        click.echo(result.model_dump_json())
    elif not quiet:
        figures = ", ".join(f"{key} {value}" for key, value in result.summary().items())
        click.echo(f"{name}: {figures} ({time.monotonic() - started:.1f} s)")
        for line in set_aside(getattr(result, "reasons", {})):
            click.echo(line, err=True)


def set_aside(reasons: Mapping[str, str]) -> list[str]:
    """One line for each thing that the stage set aside, by its name; of many, the first ones."""
    lines = [f"{name} is in quarantine: {reason}" for name, reason in list(reasons.items())[:SHOWN]]
    more = len(reasons) - len(lines)
    return [*lines, f"and {more} more: see `posemill quarantine`"] if more else lines
