"""`posemill uat`: scenarios, judgements, verdicts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from posemill.cli.output import modes, plain, progress, say, table
from posemill.cli.trace import transaction
from posemill.errors import InputError

BY = click.option("--by", help="Who says so; default: user@host.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
REPORT = click.Path(path_type=Path)


@click.group()
def uat() -> None:
    """User acceptance: what a service should find, what clients say of it, and the verdict.

    \b
      posemill uat run
      posemill uat judgements
      posemill uat sign --by anna build/uat/20261124-101500
    """


@uat.command("run")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--service", "url", help="Address of a running service; default: the newest bento is started.")
@click.option("--bento", help="Tag of another bento to start.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: build/uat/TIME.")
@modes
def run_(
    paths: tuple[Path, ...], url: str | None, bento: str | None, out: Path | None, quiet: bool, as_json: bool
) -> None:
    """Run scenarios (PATHS: files or folders; default: acceptance/) and write a report. Exit code 1 when one failed.

    \b
      posemill uat run
      posemill uat run acceptance/regressions --service http://127.0.0.1:3000
      POSEMILL_KEY=… posemill uat run --service https://uat.example
    """
    from posemill.settings import Settings
    from posemill.uat.clips import Clips
    from posemill.uat.run import folder, run
    from posemill.uat.scenarios import find
    from posemill.uat.served import service

    settings = Settings.from_env()
    located = find(paths or [settings.workspace / "acceptance"])
    out = out or folder(settings.workspace)
    with service(settings, url, bento) as client, progress("scenarios", len(located), quiet or as_json) as step:
        done = run(client, located, Clips(settings), out, settings.workspace, step)
    if as_json:
        click.echo(json.dumps({"report": str(done.path), **done.report.model_dump(mode="json")}))
    elif not quiet:
        for outcome in sorted(done.report.scenarios, key=lambda s: s.passed):
            click.echo(f"{'ok    ' if outcome.passed else 'FAILED'}  {outcome.name}: {outcome.says}")
        click.echo(f"{done.report.says}\n{done.path.parent / 'report.html'}")
    if not done.report.passed:
        raise SystemExit(1)


@uat.command("judgements")
@click.option("--all", "everything", is_flag=True, help="Also what clients said is right, and what is closed.")
@click.option("--limit", type=int, help="Only the newest.")
@AS_JSON
def judgements_(everything: bool, limit: int | None, as_json: bool) -> None:
    """List what clients disagree with and nobody has looked at yet.

    \b
      posemill uat judgements --all
    """
    from posemill.store.feedback import list_feedback

    with transaction() as (connection, _):
        rows = list_feedback(connection, only_wrong=not everything, limit=None if not everything else limit)
    kept = [dict(row) | {"state": row["state"] or "right"} for row in rows if everything or row["state"] == "open"]
    names = [
        "feedback",
        "added_at",
        "client",
        "upload_name",
        "person",
        "start_s",
        "end_s",
        "predicted",
        "activity",
        "comment",
        "state",
    ]
    names += ["upload_digest", "medium", "bento_tag", "provenance"] if as_json else []
    table(kept[:limit], names, as_json, "no client disagrees with anything that is open")


@uat.command("confirm")
@click.argument("judgement", type=int)
@click.option("--activity", help="What it is; default: what the client said.")
@click.option("--media", type=click.Path(path_type=Path, dir_okay=False), help="The file, if it was not kept.")
@click.option("--new", is_flag=True, help="The activity is a new one.")
@BY
@modes
def confirm_(
    judgement: int, activity: str | None, media: Path | None, new: bool, by: str | None, quiet: bool, as_json: bool
) -> None:
    """Make a training label and a regression scenario of a client's judgement.

    \b
      posemill uat confirm 12 --by anna
      posemill uat confirm 12 --activity lunge --media gym.mp4
    """
    from posemill.ingest.current_user import current_user
    from posemill.uat.confirm import confirm

    with transaction() as (connection, settings):
        done = confirm(
            connection, settings, judgement, activity=activity, media=media, new=new, annotated_by=by or current_user()
        )
    say(
        {"medium": done.medium[:12], "clip": done.clip, "activity": done.activity, "scenario": str(done.scenario)},
        quiet,
        as_json,
    )
    for other in done.other:
        click.echo(f"{other}: `posemill segments correct` or `remove` if that is wrong", err=True)


@uat.command("dismiss")
@click.argument("judgements", type=int, nargs=-1, required=True)
@BY
def dismiss_(judgements: tuple[int, ...], by: str | None) -> None:
    """Say that the service was right after all.

    \b
      posemill uat dismiss 12 --by anna
    """
    from posemill.ingest.current_user import current_user
    from posemill.uat.confirm import dismiss

    with transaction() as (connection, _):
        for number in judgements:
            dismiss(connection, number, by or current_user())
    click.echo(f"{len(judgements)} dismissed")


@uat.command("sign")
@click.argument("report", type=REPORT)
@click.option("--by", required=True, help="Whose verdict this is.")
@click.option("--reject", is_flag=True, help="Not accepted.")
@click.option("--conditions", help="Under which conditions, or why not.")
@modes
def sign_(report: Path, by: str, reject: bool, conditions: str | None, quiet: bool, as_json: bool) -> None:
    """Record a verdict on a report (its folder, or report.json) and the bento that it is of.

    \b
      posemill uat sign --by anna build/uat/20261124-101500
      posemill uat sign --by anna --conditions "not for children" build/uat/20261124-101500
      posemill uat sign --by anna --reject --conditions "falls are missed" build/uat/20261124-101500
    """
    from posemill.ingest.current_user import current_user
    from posemill.uat.release import wake
    from posemill.uat.signing import sign

    if not by.strip():
        raise InputError("--by is empty: a verdict is somebody's")
    with transaction() as (connection, settings):
        done = sign(
            connection, settings, report, by=by.strip(), reject=reject, conditions=conditions, added_by=current_user()
        )
    verdict = "rejected" if reject else "accepted"
    told = wake(settings.workspace)
    say(
        {
            "verdict": done.number,
            verdict: done.bento,
            "bento digest": done.bento_digest[:12],
            "report digest": done.report_digest[:12],
            "by": by,
        },
        quiet,
        as_json,
    )
    if not (quiet or as_json):
        click.echo(told, err=True)


@uat.command("verify")
@click.argument("report", type=REPORT, required=False)
@click.option("--bento", help="Only verdicts on the bento of this tag.")
@AS_JSON
def verify_(report: Path | None, bento: str | None, as_json: bool) -> None:
    """Tell whether what was signed is still what it was. Exit code 1 when it is not.

    \b
      posemill uat verify
      posemill uat verify build/uat/20261124-101500
    """
    from posemill.uat.signing import verify

    with transaction() as (connection, settings):
        found = verify(connection, settings, path=report, bento=bento)
    if as_json:
        for each in found:
            click.echo(json.dumps({**asdict(each), "good": each.good}, default=plain))
    elif not found:
        click.echo("nothing was signed: `posemill uat run`, then `posemill uat sign`", err=True)
    for each in found if not as_json else ():
        verdict = "accepted" if each.passed else "rejected"
        click.echo(f"verdict {each.verdict}: {each.bento_tag} {verdict} by {each.by} on {each.at:%Y-%m-%d %H:%M}")
        click.echo(f"  bento   {each.bento}\n  report  {each.report}")
    if not all(each.good for each in found):
        raise SystemExit(1)
