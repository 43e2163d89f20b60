"""`posemill trace` and `posemill forget`: from an answer to its data, and from a medium to the models it is in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from posemill.cli.output import plain, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posemill.settings import Settings
    from posemill.uat.trace import Trace

SHOWN = 20


@click.command()
@click.argument("receipt")
@click.option("--all", "everything", is_flag=True, help=f"All clips; without it the first {SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(receipt: str, everything: bool, as_json: bool) -> None:
    """Follow an answer to the data that trained its model. Exit code 1 when a link is missing.

    RECEIPT is the id of a receipt, a JSON file with an answer or a receipt in it, or the tag of a bento.

    \b
      posemill trace 4be1d0c2a9f37756
      posemill try clip.mp4 --json > answer.json && posemill trace answer.json
    """
    from posemill.uat.trace import trace as follow

    with transaction() as (connection, settings):
        found = follow(connection, settings, receipt)
    if as_json:
        click.echo(json.dumps({"whole": found.whole, **asdict(found)}, default=plain))
    else:
        _show(found, everything)
    if not found.whole:
        raise SystemExit(1)


def _show(found: Trace, everything: bool) -> None:
    click.echo(f"{found.bento or found.version['bento_tag']}")
    width = max(len(link.name) for link in found.links)
    for link in found.links:
        click.echo(f"  {'ok     ' if link.found else 'MISSING'}  {link.name:{width}}  {link.says}")
    if not found.clips:
        return
    click.echo()
    rows = found.clips if everything else found.clips[:SHOWN]
    table(rows, ("clip", "split", "activity", "medium", "source", "annotated_by", "annotated_at", "now"), False, "")
    if len(rows) < len(found.clips):
        click.echo(f"and {len(found.clips) - len(rows)} more clips (--all)")


@click.command()
@click.argument("medium")
@click.option("--mark", is_flag=True, help="End its clips, so that the next build leaves it out.")
@click.option("--by", help="Who says so; default: user@host.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def forget(medium: str, mark: bool, by: str | None, as_json: bool) -> None:
    """List every model and bento that a medium is in. MEDIUM: a digest, a number, a source or a file.

    \b
      posemill forget 26e506cc30f5
      posemill forget holiday.mp4 --mark --by anna
    """
    from posemill.ingest.current_user import current_user
    from posemill.uat.usage import mark as end_clips
    from posemill.uat.usage import usage_of

    with transaction() as (connection, settings):
        found = usage_of(connection, settings, medium)
        ended = end_clips(connection, found, by or current_user()) if mark else 0
    if as_json:
        named = {k: found.medium[k] for k in ("id", "digest", "source", "dataset", "added_by", "added_at")}
        click.echo(json.dumps({**asdict(found), "medium": named, "ended": ended}, default=plain))
        return
    click.echo(f"medium {found.medium['digest']}: {found.medium['source'] or found.medium['uri']}")
    rows = [{**row, "bentos": ", ".join(row["bentos"])} for row in found.models]
    table(rows, ("version", "stage", "split", "clips", "windows", "bentos"), False, "no model was made with it")
    if found.unknown:
        click.echo(f"unknown for {', '.join(found.unknown)}: packaged before lineage was kept, or it is not here")
    for said in (f"{n} {what}" for n, what in _elsewhere(found.judgements, found.scenarios) if n):
        click.echo(f"also in {said}")
    if mark:
        click.echo(f"{ended} clips ended; the next `dvc repro` leaves it out. Its file stays in the store")
    elif found.clips:
        click.echo(f"{len(found.clips)} clips hold now: with --mark the next build leaves them out")


def _elsewhere(judgements: int, scenarios: list[str]) -> list[tuple[int, str]]:
    return [(judgements, "judgements of clients"), (len(scenarios), f"scenarios: {', '.join(scenarios)}")]


@contextmanager
def transaction() -> Iterator[tuple[Connection, Settings]]:
    """A transaction on the database of the settings, and the settings."""
    from posemill.settings import Settings
    from posemill.store.postgres import open_engine

    settings = Settings.from_env()
    engine = open_engine(settings)
    try:
        with engine.begin() as connection:
            yield connection, settings
    finally:
        engine.dispose()
