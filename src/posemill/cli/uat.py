"""`posemill uat`: acceptance scenarios, clients' feedback and signed verdicts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from posemill.cli.output import modes, plain, progress, say, table
from posemill.cli.renamed import RenamingGroup
from posemill.cli.trace import transaction
from posemill.errors import InputError

BY = click.option("--by", help="Name of the annotator; default: user@host.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
REPORT = click.Path(path_type=Path)
UPLOAD = ["upload_name", "person", "start_s", "end_s"]  # what an entry of feedback is about


@click.group(cls=RenamingGroup, renamed_commands={"judgements": "feedback"})
def uat() -> None:
    """User acceptance testing: scenarios, clients' feedback and signed verdicts.

    \b
      posemill uat run
      posemill uat feedback
      posemill uat sign --by anna build/uat/20261124-101500
    """


@uat.command("run")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--service", "url", help="Address of a running service; default: the newest bento is started.")
@click.option("--bento", help="Tag of the bento to start.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the report; default: build/uat/TIME."
)
@modes
def run_(
    paths: tuple[Path, ...], url: str | None, bento: str | None, out: Path | None, quiet: bool, as_json: bool
) -> None:
    """Run acceptance scenarios and write a report. Exit code 1 if a scenario failed.

    PATHS: scenario files or folders; default: acceptance/.

    \b
      posemill uat run
      posemill uat run acceptance/regressions --service http://127.0.0.1:3000
      POSEMILL_KEY=… posemill uat run --service https://uat.example
    """
    from posemill.settings import Settings
    from posemill.uat.run import run
    from posemill.uat.settings import AcceptanceSettings

    acceptance = AcceptanceSettings(Settings.from_env(), scenarios=paths, service_url=url, bento=bento, report=out)
    with progress("scenarios", len(acceptance.located), quiet or as_json) as step:
        finished = run(acceptance, on_scenario=step)
    if as_json:
        click.echo(json.dumps({"report": str(finished.path), **finished.report.model_dump(mode="json")}))
    elif not quiet:
        for result in sorted(finished.report.scenarios, key=lambda s: s.passed):
            click.echo(f"{'ok    ' if result.passed else 'FAILED'}  {result.name}: {result.says}")
        click.echo(f"{finished.report.says}\n{finished.path.parent / 'report.html'}")
    if not finished.report.passed:
        raise SystemExit(1)


@uat.command("feedback")
@click.option("--all", "everything", is_flag=True, help="Also list confirmations and closed entries.")
@click.option("--limit", type=int, help="List the newest only.")
@AS_JSON
def feedback_(everything: bool, limit: int | None, as_json: bool) -> None:
    """List clients' corrections that are still open.

    \b
      posemill uat feedback --all
    """
    from posemill.store.feedback import list_feedback

    with transaction() as (connection, _):
        rows = list_feedback(connection, only_wrong=not everything, limit=None if not everything else limit)
    entries = [{**row, "state": row["state"] or "right"} for row in rows if everything or row["state"] == "open"]
    columns = ["feedback", "added_at", "client", *UPLOAD, "predicted", "activity", "comment", "state"]
    columns += ["upload_digest", "medium", "bento_tag", "provenance"] if as_json else []
    table(entries[:limit], columns, as_json, "no correction is open")


@uat.command("confirm")
@click.argument("feedback", type=int)
@click.option("--activity", help="True activity; default: the client's correction.")
@click.option("--media", type=click.Path(path_type=Path, dir_okay=False), help="The uploaded file, if it was not kept.")
@click.option("--new", is_flag=True, help="Allow a new activity.")
@BY
@modes
def confirm_(
    feedback: int, activity: str | None, media: Path | None, new: bool, by: str | None, quiet: bool, as_json: bool
) -> None:
    """Confirm a client's correction: make it a training label and a regression scenario. FEEDBACK: its number.

    \b
      posemill uat confirm 12 --by anna
      posemill uat confirm 12 --activity lunge --media gym.mp4
    """
    from posemill.store.current_user import current_user
    from posemill.uat.confirm import confirm

    with transaction() as (connection, settings):
        confirmed = confirm(
            connection, settings, feedback, activity=activity, media=media, new=new, annotated_by=by or current_user()
        )
    say(
        {
            "medium": confirmed.medium[:12],
            "clip": confirmed.clip,
            "activity": confirmed.activity,
            "scenario": str(confirmed.scenario),
        },
        quiet,
        as_json,
    )
    for conflict in confirmed.conflicts:
        click.echo(f"{conflict}: `posemill segments correct` or `remove` if that is wrong", err=True)


@uat.command("dismiss")
@click.argument("feedback", type=int, nargs=-1, required=True)
@BY
def dismiss_(feedback: tuple[int, ...], by: str | None) -> None:
    """Dismiss corrections: the service was right. FEEDBACK: their numbers.

    \b
      posemill uat dismiss 12 --by anna
    """
    from posemill.store.current_user import current_user
    from posemill.uat.confirm import dismiss

    with transaction() as (connection, _):
        for number in feedback:
            dismiss(connection, number, by or current_user())
    click.echo(f"{len(feedback)} dismissed")


@uat.command("submit")
@click.argument("report", type=REPORT)
@modes
def submit_(report: Path, quiet: bool, as_json: bool) -> None:
    """Submit a report for a verdict on the page of the service. REPORT: folder or report.json of `posemill uat run`.

    An approver signs it there, with a key of that role (`posemill keys add NAME --role approver`).

    \b
      posemill uat submit build/uat/20261124-101500
    """
    from posemill.store.current_user import current_user
    from posemill.uat.signing import submit

    with transaction() as (connection, settings):
        submitted = submit(connection, settings, report, added_by=current_user())
    figures = {"submitted": submitted.number, "bento": submitted.bento, "report digest": submitted.report_digest[:12]}
    say(figures, quiet, as_json)


@uat.command("sign")
@click.argument("report", type=REPORT)
@click.option("--by", required=True, help="Name of the person who gives the verdict.")
@click.option("--reject", is_flag=True, help="Reject instead of accept.")
@click.option("--conditions", help="Conditions of the acceptance, or reasons of the rejection.")
@modes
def sign_(report: Path, by: str, reject: bool, conditions: str | None, quiet: bool, as_json: bool) -> None:
    """Record a verdict on a report and its bento. REPORT: folder or report.json of `posemill uat run`.

    \b
      posemill uat sign --by anna build/uat/20261124-101500
      posemill uat sign --by anna --conditions "not for children" build/uat/20261124-101500
      posemill uat sign --by anna --reject --conditions "falls are missed" build/uat/20261124-101500
    """
    from posemill.store.current_user import current_user
    from posemill.uat.release import resume
    from posemill.uat.signing import sign

    if not by.strip():
        raise InputError("--by is empty: a verdict needs a name")
    with transaction() as (connection, settings):
        signed = sign(
            connection, settings, report, by=by.strip(), reject=reject, conditions=conditions, added_by=current_user()
        )
    verdict = "rejected" if reject else "accepted"
    resumed = resume(settings)
    say(
        {
            "verdict": signed.number,
            verdict: signed.bento,
            "bento digest": signed.bento_digest[:12],
            "report digest": signed.report_digest[:12],
            "by": by,
        },
        quiet,
        as_json,
    )
    if not (quiet or as_json):
        click.echo(resumed, err=True)


@uat.command("verify")
@click.argument("report", type=REPORT, required=False)
@click.option("--bento", help="Bento tag: verify verdicts on it only.")
@AS_JSON
def verify_(report: Path | None, bento: str | None, as_json: bool) -> None:
    """Verify that signed reports and bentos are unchanged. Exit code 1 if one is not.

    \b
      posemill uat verify
      posemill uat verify build/uat/20261124-101500
    """
    from posemill.uat.signing import verify

    with transaction() as (connection, settings):
        verdicts = verify(connection, settings, path=report, bento=bento)
    if as_json:
        for verdict in verdicts:
            click.echo(json.dumps({**asdict(verdict), "good": verdict.good}, default=plain))
    elif not verdicts:
        click.echo("no verdict was signed yet: `posemill uat run`, then `posemill uat sign`", err=True)
    for v in verdicts if not as_json else ():
        outcome = "accepted" if v.passed else "rejected"
        click.echo(f"verdict {v.verdict}: {v.bento_tag} {outcome} by {v.by} on {v.at:%Y-%m-%d %H:%M}")
        click.echo(f"  bento   {v.bento}\n  report  {v.report}")
    if not all(verdict.good for verdict in verdicts):
        raise SystemExit(1)
