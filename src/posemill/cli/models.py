"""`posemill models`: the model registry, with promotions and rollbacks."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, say, table
from posemill.cli.renamed import renamed_option
from posemill.errors import GateError, InputError
from posemill.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


@click.group()
def models() -> None:
    """Model registry: list versions, promote one to champion, roll back.

    \b
      posemill models list
      posemill models promote posemill-activity:6d922233e9d5c9be
      posemill models rollback --reason "false alarms at night"
      posemill models export-mlflow http://mlflow.example.org:5000
    """


@models.command("list")
@click.option("--history", is_flag=True, help="List promotions, refusals and rollbacks instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(history: bool, as_json: bool) -> None:
    """List model versions, newest first. The released one is the champion.

    \b
      posemill models list --history
    """
    from posemill.store import promotions
    from posemill.store.postgres import transaction
    from posemill.store.versions import model_versions

    with transaction(Settings.from_env()) as connection:
        if history:
            rows = [dict(row) for row in promotions.promotions(connection)]
            columns = ["added_at", "action", "bento_tag", "before", "added_by", "reason"]
            table(
                rows, [*columns, "figures", "digests"] if as_json else columns, as_json, "no version was promoted yet"
            )
            return
        rows = [{**r, "accuracy": (r["metrics"] or {}).get("accuracy")} for r in model_versions(connection)]
        columns = ["bento_tag", "stage", "accuracy", "added_at", "origin"]
        table(rows, [*columns, "digests"] if as_json else columns, as_json, "no model was packaged yet: `dvc repro`")


@models.command("export-mlflow")
@click.argument("uri")
@click.option("--experiment", default="posemill", show_default=True, help="Made if it is not there.")
@click.option("--registered-model", default="posemill-activity", show_default=True, help="Made if it is not there.")
@click.option("--artifacts", help="URL where a new experiment keeps its files; default: as the server says.")
@click.option("--tag", "tags", multiple=True, help="Only this version (its bento tag); repeat for more.")
@modes
def export_mlflow(
    uri: str,
    experiment: str,
    registered_model: str,
    artifacts: str | None,
    tags: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Export model versions to MLflow: parameters, metrics by epoch, lineage as tags, files, and a registered model.

    URI is a tracking server or a database. Again, it adds what is new: a version is never there twice. Files are those
    of the version in build/; of older ones figures and lineage are exported, if they were not while they were there.

    \b
      posemill models export-mlflow http://mlflow.example.org:5000
      posemill models export-mlflow sqlite:////srv/mlflow/mlflow.db --experiment gym
    """
    from dataclasses import asdict

    from posemill.operations.export_mlflow import export_runs
    from posemill.operations.mlflow_run import model_run
    from posemill.stages.workspace import Workspace
    from posemill.store import promotions
    from posemill.store.postgres import transaction
    from posemill.store.versions import model_versions

    settings = Settings.from_env()
    with transaction(settings) as connection:
        versions = [promotions.version_of(connection, tag) for tag in tags] or model_versions(connection)
    if not versions:
        raise InputError("no model was packaged yet: `dvc repro`")
    runs = [model_run(version, Workspace(settings.workspace)) for version in versions]
    say(asdict(export_runs(runs, uri, experiment, registered_model, artifacts)), quiet, as_json)


@models.command()
@click.argument("tag")
@click.option("--force", is_flag=True, help="Promote even if it is not better; requires --reason.")
@click.option("--reason", help="Reason, kept with the promotion.")
@renamed_option("--because", "--reason")
@modes
def promote(tag: str, force: bool, reason: str | None, quiet: bool, as_json: bool) -> None:
    """Promote a model version to champion if it is significantly better than the current one.

    Both versions predict the same test clips, which neither was trained on. The difference in accuracy must exceed its
    95 % confidence interval and be significant (McNemar). Refusals are recorded too. TAG: a bento tag, or the start of
    its version.

    \b
      posemill models promote 6d922233
      posemill models promote 6d922233 --force --reason "the champion's licence has ended"
    """
    if force and not (reason or "").strip():
        raise InputError("--force requires --reason TEXT, which is kept in the history")
    from posemill.store import promotions
    from posemill.store.postgres import transaction

    with transaction(Settings.from_env()) as connection:
        version, champion = promotions.version_of(connection, tag), promotions.champion(connection)
        if champion is not None and champion["id"] == version["id"]:
            say({"champion": version["bento_tag"], "changed": False}, quiet, as_json)
            return
        passed, outcome, figures = _compared(version, champion, force)
        if force:
            outcome = f"forced: {reason} ({outcome})"
        elif reason and passed:
            outcome = f"{reason} ({outcome})"
        if passed or force:
            against = None if champion is None else int(champion["id"])
            promotions.promote(connection, version, outcome, figures, getpass.getuser(), compared_with=against)
        else:
            promotions.refuse(connection, version, outcome, figures, getpass.getuser())
    if not (passed or force):
        raise GateError(f"{version['bento_tag']} is not promoted: it is {outcome}")
    say({"champion": version["bento_tag"], "changed": True, "reason": outcome}, quiet, as_json)


def _compared(version: RowMapping, champion: RowMapping | None, force: bool) -> tuple[bool, str, dict[str, Any] | None]:
    """Compare a version with the champion: passed, reason, figures. With `force`, data to compare on may be missing."""
    from posemill.operations import champion as gate
    from posemill.stages.workspace import Workspace

    if version["stage"] == "rejected":
        return False, "rejected by its acceptance", None
    if champion is None:
        return True, "there was no champion", None
    settings = Settings.from_env()
    try:
        paired = gate.compare(dict(version), dict(champion), Workspace(settings.workspace), settings)
    except InputError as exc:
        if not force:
            raise
        return False, f"not compared: {exc}", None
    return paired.better, gate.says(paired, champion["bento_tag"]), gate.figures(paired)


@models.command()
@click.option("--reason", help="Reason, kept with the rollback.  [required]")
@renamed_option("--because", "--reason")
@modes
def rollback(reason: str | None, quiet: bool, as_json: bool) -> None:
    """Roll back to the version that the current champion replaced.

    \b
      posemill models rollback --reason "false alarms at night"
    """
    if reason is None:
        raise click.UsageError("Missing option '--reason'.")
    from posemill.store import promotions
    from posemill.store.postgres import transaction

    with transaction(Settings.from_env()) as connection:
        before = promotions.champion(connection)
        row = promotions.roll_back(connection, reason, getpass.getuser())
        champion = _champion_tag(connection)
    say(
        {"champion": champion, "replaced_version": before and before["bento_tag"], "reason": row["reason"]},
        quiet,
        as_json,
    )


def _champion_tag(connection: Connection) -> str | None:
    from posemill.store import promotions

    champion = promotions.champion(connection)
    return None if champion is None else str(champion["bento_tag"])
