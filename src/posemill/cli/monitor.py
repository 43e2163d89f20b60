"""`posemill monitor`: drift of live data against the training data."""

from __future__ import annotations

import re

import click

from posemill.errors import InputError

_UNITS = {"d": 1.0, "h": 1 / 24, "w": 7.0}


@click.command()
@click.option("--since", help="How far back, such as 12h, 7d or 4w; default: monitor.since_days of params.yaml.")
@click.option("--bento", help="Tag of another bento of this workspace; default: the newest package.")
@click.option("--json", "as_json", is_flag=True, help="The whole result as one JSON object.")
def monitor(since: str | None, bento: str | None, as_json: bool) -> None:
    """Compare live data of the released service with the training data of its model (drift).

    \b
    Writes build/monitor/report.html and monitor.json; exit code 1 when something is past its limit.
      posemill monitor
      posemill monitor --since 24h --json
    """
    from posemill import params
    from posemill.operations import monitor as stage
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    settings = Settings.from_env()
    workspace = Workspace(settings.workspace)
    result = stage.run(
        params.load(workspace.params).monitor,
        workspace,
        workspace.output("monitor"),
        since_days=None if since is None else days(since),
        bento=bento,
        settings=settings,
    )
    if as_json:
        click.echo(result.model_dump_json())
    else:
        for row in result.rows:
            click.echo(_line(row))
        click.echo(result.says)
        click.echo(f"report: {workspace.output('monitor') / 'report.html'}")
    stage.require(result)


def days(text: str) -> float:
    """Parse a duration, such as `12h` or `7d`, in days. Errors: InputError for anything else.

    >>> days("12h")
    0.5
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", text.strip())
    if match is None or not float(match[1]):
        raise InputError(f"--since should be a number with h, d or w, such as 12h or 7d; came as {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def _line(row: dict[str, object]) -> str:
    measures = ", ".join(f"{name} {row[name]:.2f}" for name in ("psi", "ks") if row[name] is not None)
    state = "ok     " if row["passed"] else "CHANGED"
    return f"{state}  {row['figure']!s:20}  {measures:20}  {row['seen']} (training: {row['trained']})"
