"""`posemill trace` (provenance of an answer) and `posemill usage` (models and bentos that a medium is in)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from posemill.cli.output import plain, table
from posemill.cli.renamed import renamed_option
from posemill.redacted import redacted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posemill.settings import Settings
    from posemill.uat.trace import Trace
    from posemill.uat.usage import MediumUsage

SHOWN = 20


@click.command()
@click.argument("answer")
@click.option("--all", "everything", is_flag=True, help=f"List all clips; default: the first {SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def trace(answer: str, everything: bool, as_json: bool) -> None:
    """Trace an answer to the clips and media that trained its model. Exit code 1 if a link is missing.

    ANSWER: a provenance id, a JSON file that contains an answer or a provenance, or a bento tag.

    \b
      posemill trace 4be1d0c2a9f37756
      posemill try clip.mp4 --url http://127.0.0.1:3000 --json > answer.json && posemill trace answer.json
    """
    from posemill.uat.trace import trace as trace_answer

    with transaction() as (connection, settings):
        traced = trace_answer(connection, settings, answer)
    if as_json:
        click.echo(json.dumps({"whole": traced.whole, **asdict(traced)}, default=plain))
    else:
        _print_trace(traced, everything)
    if not traced.whole:
        raise SystemExit(1)


def _print_trace(trace: Trace, everything: bool) -> None:
    click.echo(f"{trace.bento or trace.version['bento_tag']}")
    width = max(len(link.name) for link in trace.links)
    for link in trace.links:
        click.echo(f"  {'ok     ' if link.found else 'MISSING'}  {link.name:{width}}  {link.says}")
    if not trace.clips:
        return
    click.echo()
    rows = trace.clips if everything else trace.clips[:SHOWN]
    table(rows, ("clip", "split", "activity", "medium", "source", "annotated_by", "annotated_at", "now"), False, "")
    if len(rows) < len(trace.clips):
        click.echo(f"and {len(trace.clips) - len(rows)} more clips (--all)")


@click.command()
@click.argument("medium")
@click.option("--exclude", is_flag=True, help="End the validity of its clips, so that later builds exclude it.")
@renamed_option("--mark", "--exclude", is_flag=True)
@click.option("--by", help="Name recorded with --exclude; default: user@host.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def usage(medium: str, exclude: bool, by: str | None, as_json: bool) -> None:
    """List the models and bentos that were trained or tested with a medium. MEDIUM: digest, number, source or file.

    Nothing is deleted: with --exclude, later builds leave the medium out; its file and existing models stay.

    \b
      posemill usage 26e506cc30f5
      posemill usage holiday.mp4 --exclude --by anna
    """
    from posemill.store.current_user import current_user
    from posemill.uat.usage import exclude as end_clips
    from posemill.uat.usage import usage_of

    with transaction() as (connection, settings):
        listed = usage_of(connection, settings, medium)
        ended = end_clips(connection, listed, by or current_user()) if exclude else 0
    if as_json:
        columns = {k: listed.medium[k] for k in ("id", "digest", "source", "dataset", "added_by", "added_at")}
        click.echo(json.dumps({**asdict(listed), "medium": columns, "ended": ended}, default=plain))
        return
    _print_usage(listed)
    if exclude:
        click.echo(f"{ended} clips ended: the next `dvc repro` excludes the medium. Its file stays in the store")
    elif listed.clips:
        click.echo(f"{len(listed.clips)} clips are valid: --exclude leaves them out of the next build")


def _print_usage(usage: MediumUsage) -> None:
    click.echo(f"medium {usage.medium['digest']}: {usage.medium['source'] or redacted(usage.medium['uri'] or '')}")
    rows = [{**row, "bentos": ", ".join(row["bentos"])} for row in usage.models]
    table(rows, ("version", "stage", "split", "clips", "windows", "bentos"), False, "no model was built with it")
    if usage.unknown:
        click.echo(f"unknown for {', '.join(usage.unknown)}: no lineage was recorded, or it is not available here")
    if usage.feedback:
        click.echo(f"also in {usage.feedback} feedback entries of clients")
    if usage.scenarios:
        click.echo(f"also in {len(usage.scenarios)} scenario files: {', '.join(usage.scenarios)}")


@contextmanager
def transaction() -> Iterator[tuple[Connection, Settings]]:
    """Open a transaction on the configured database; yields it with the settings."""
    from posemill.settings import Settings
    from posemill.store.postgres import transaction

    settings = Settings.from_env()
    with transaction(settings) as connection:
        yield connection, settings
