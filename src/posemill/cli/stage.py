"""`posemill stage NAME`: what every line of dvc.yaml calls."""

from __future__ import annotations

import time
from importlib import import_module

import click

from posemill.stages.workspace import STAGES, Workspace


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
