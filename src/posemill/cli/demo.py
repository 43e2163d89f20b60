"""`posemill demo` and `posemill summary`: the whole pipeline on a synthetic corpus."""

from __future__ import annotations

import json
import subprocess
import sys

import click

from posemill.settings import Settings
from posemill.stages.workspace import Workspace

CORPUS = ("--subjects", "18", "--clips-per-activity", "1", "--duration-s", "2.4", "--fps", "10")  # as slow cameras have

NEXT = """
Look at it:    posemill tracks MEDIUM (posemill media lists them), the reports above
Serve it:      make serve, then /uat in a browser, or posemill try some.mp4 --model build/package
Hand it over:  posemill handover out.posemill, then posemill verify and posemill reproduce
Your videos:   posemill add videos/ --activity squat, then dvc repro
"""


@click.command()
@click.option("--quiet", is_flag=True, help="No progress, only the table at the end.")
@click.option("--json", "as_json", is_flag=True, help="The table as one line of JSON.")
def demo(quiet: bool, as_json: bool) -> None:
    """Run the whole main job; an empty database is first given a synthetic corpus.

    \b
    This is what `make demo` runs; a second run finds nothing to do:
      posemill demo
    """
    from posemill.stages.change import unchanged

    settings = Settings.from_env()
    workspace = Workspace(settings.workspace)
    _seed(settings, quiet or as_json)
    silent = quiet or as_json
    if not unchanged(workspace):
        _run_flow(workspace, silent)  # it ends with the table
    elif not silent:
        click.echo("nothing has changed since the last run\n")
        _show(workspace, as_json)
    if silent:
        _show(workspace, as_json)
    else:
        click.echo(NEXT)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
def summary(as_json: bool) -> None:
    """The figures of the last run, and where its reports are.

    \b
    Example:
      posemill summary --json
    """
    _show(Workspace(Settings.from_env().workspace), as_json)


def _seed(settings: Settings, quiet: bool) -> None:
    """Fill an empty database with the synthetic corpus; one that holds anything is left alone."""
    from posemill.store import media_rows
    from posemill.store.postgres import open_engine

    with open_engine(settings).connect() as connection:
        empty = not media_rows.media(connection)
    if empty:
        if not quiet:
            click.echo("the database is empty: rendering people who move, with exact keypoints (half a minute)")
        command = [sys.executable, "-m", "posemill", "synth", *CORPUS, *(["--quiet"] if quiet else [])]
        subprocess.run(command, check=True)


def _run_flow(workspace: Workspace, silent: bool) -> None:
    """The flow of production, in a process of its own: prefect stays in flows/."""
    ended = subprocess.run(
        [sys.executable, "-m", "flows.build_model"],
        cwd=workspace.root,
        stdout=subprocess.DEVNULL if silent else None,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(ended.returncode)


def _show(workspace: Workspace, as_json: bool) -> None:
    from posemill.stages.figures import columns, figures, short_table
    from posemill.stages.workspace import STAGES

    if as_json:
        click.echo(json.dumps({stage: figures(workspace, stage) for stage in (*STAGES, "accept")}))
        return
    click.echo(columns(short_table(workspace)) or "nothing ran yet: `make demo` or `dvc repro`")
