"""`posemill models`: the packaged models, which one is released, and how it became that."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, say, table
from posemill.errors import GateError, InputError
from posemill.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


@click.group()
def models() -> None:
    """Packaged models: list them, promote one to champion, go back to the one before.

    \b
      posemill models list
      posemill models promote posemill-activity:6d922233e9d5c9be
      posemill models rollback --because "false alarms at night"
    """


@models.command("list")
@click.option("--history", is_flag=True, help="Promotions, refusals and rollbacks instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(history: bool, as_json: bool) -> None:
    """List model versions, newest first; the released one is the champion.

    \b
      posemill models list --history
    """
    from posemill.stages.package import connected
    from posemill.store import promotions
    from posemill.store.versions import model_versions

    with connected(Settings.from_env()) as connection:
        if history:
            rows = [dict(r) for r in promotions.promotions(connection)]
            columns = ["added_at", "action", "bento_tag", "before", "added_by", "reason"]
            table(rows, [*columns, "figures", "digests"] if as_json else columns, as_json, "nothing was promoted yet")
            return
        rows = [{**r, "accuracy": (r["metrics"] or {}).get("accuracy")} for r in model_versions(connection)]
        columns = ["bento_tag", "stage", "accuracy", "added_at", "origin"]
        table(rows, [*columns, "digests"] if as_json else columns, as_json, "no model was packaged yet: `dvc repro`")


@models.command()
@click.argument("tag")
@click.option("--force", is_flag=True, help="Promote without being better; needs --because.")
@click.option("--because", help="Why, in your words; kept with the promotion.")
@modes
def promote(tag: str, force: bool, because: str | None, quiet: bool, as_json: bool) -> None:
    """Make a model version the champion if it is better than the one that is.

    Both answer the same test clips, which neither was made of; the difference must be beyond its 95 % interval and
    beyond chance. A refusal is kept too. TAG is a bento tag, or the beginning of its version.

    \b
      posemill models promote 6d922233
      posemill models promote 6d922233 --force --because "the champion's licence has ended"
    """
    if force and not (because or "").strip():
        raise InputError("--force needs --because TEXT: whoever reads the history should know why")
    from posemill.stages.package import connected
    from posemill.store import promotions

    with connected(Settings.from_env()) as connection:
        version, now = promotions.version_of(connection, tag), promotions.champion(connection)
        if now is not None and now["id"] == version["id"]:
            say({"champion": version["bento_tag"], "changed": False}, quiet, as_json)
            return
        passed, reason, figures = _judged(version, now, force)
        if force:
            reason = f"forced: {because} ({reason})"
        elif because and passed:
            reason = f"{because} ({reason})"
        keep = promotions.promote if passed or force else promotions.refuse
        keep(connection, version, reason, figures, getpass.getuser())
    if not (passed or force):
        raise GateError(f"{version['bento_tag']} is not promoted: it is {reason}")
    say({"champion": version["bento_tag"], "changed": True, "reason": reason}, quiet, as_json)


def _judged(version: RowMapping, now: RowMapping | None, force: bool) -> tuple[bool, str, dict[str, Any] | None]:
    """Whether the version may be promoted, why, and with which figures. A forced one need not be measurable."""
    from posemill.operations import champion
    from posemill.stages.workspace import Workspace

    if version["stage"] == "rejected":
        return False, "rejected by its acceptance", None
    if now is None:
        return True, "there was no champion", None
    settings = Settings.from_env()
    try:
        found = champion.compare(version, now, Workspace(settings.workspace), settings)
    except InputError as exc:
        if not force:
            raise
        return False, f"not compared: {exc}", None
    return found.better, champion.says(found, now["bento_tag"]), champion.figures(found)


@models.command()
@click.option("--because", required=True, help="Why, in your words; kept with the rollback.")
@modes
def rollback(because: str, quiet: bool, as_json: bool) -> None:
    """Make the version champion again that the present one took the place of.

    \b
      posemill models rollback --because "false alarms at night"
    """
    from posemill.stages.package import connected
    from posemill.store import promotions

    with connected(Settings.from_env()) as connection:
        before = promotions.champion(connection)
        row = promotions.roll_back(connection, because, getpass.getuser())
        now = _champion_tag(connection)
    say({"champion": now, "replaced_version": before and before["bento_tag"], "reason": row["reason"]}, quiet, as_json)


def _champion_tag(connection: Connection) -> str | None:
    from posemill.store import promotions

    found = promotions.champion(connection)
    return None if found is None else str(found["bento_tag"])
