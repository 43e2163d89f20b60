"""`posemill shadow`: a challenger beside the released model."""

from __future__ import annotations

import click


@click.group()
def shadow() -> None:
    """Challenger against the released model, on live requests; it is asked by `posemill serve --shadow TAG`."""


@shadow.command()
@click.option("--since", help="How far back, such as 12h, 7d or 4w; default: shadow.since_days of params.yaml.")
@click.option("--champion", help="Tag of the bento that answered; default: that of the newest comparison.")
@click.option("--challenger", help="Tag that was given with --shadow; default: that of the newest comparison.")
@click.option("--json", "as_json", is_flag=True, help="The whole result as one JSON object.")
def report(since: str | None, champion: str | None, challenger: str | None, as_json: bool) -> None:
    """Report agreement, latency and drift of a challenger, for the decision whether to promote it.

    \b
    Writes build/shadow/report.html and shadow.json; exit code 1 when something is past its limit.
      posemill shadow report
      posemill shadow report --since 24h --json
    """
    from posemill import params
    from posemill.cli.monitor import days
    from posemill.operations import shadow as operation
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    settings = Settings.from_env()
    workspace = Workspace(settings.workspace)
    result = operation.run(
        params.load(workspace.params).shadow,
        workspace.output("shadow"),
        settings,
        since_days=None if since is None else days(since),
        champion=champion,
        challenger=challenger,
    )
    if as_json:
        click.echo(result.model_dump_json())
    else:
        for limit in result.limits:
            measured = "not measured" if limit["value"] is None else f"{limit['value']:.3g}"
            click.echo(f"{'ok  ' if limit['passed'] else 'PAST'}  {limit['figure']:35}  {measured}")
        click.echo(result.says)
        click.echo(f"report: {workspace.output('shadow') / 'report.html'}")
    operation.require(result)
