"""`posemill audit`: who changed what, when and from where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from posemill.cli.connection import transaction
from posemill.cli.output import table

if TYPE_CHECKING:
    pass

_COLUMNS = ("number", "at", "actor", "origin", "action", "object", "rows", "ids", "details")


@click.group()
def audit() -> None:
    """The audit trail: labels, corrections, promotions, verdicts, keys, exports and deletions.

    \b
      posemill audit list --object clip
      posemill audit head                   # to be kept elsewhere
      posemill audit verify 812:9c1f…
    """


@audit.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Newest entries.")
@click.option("--object", "what", help="Of this table or thing only, such as clip or api_key.")
@click.option("--actor", help="Of this actor only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(limit: int, what: str | None, actor: str | None, as_json: bool) -> None:
    """List entries, the newest first.

    \b
      posemill audit list --limit 20
    """
    from posemill.store import audit as trail

    with transaction() as connection:
        rows = trail.entries(connection, limit, what=what, actor=actor)
    columns = (*_COLUMNS, *(("content",) if as_json else ()))
    table(rows, columns, as_json, "nothing is recorded yet")


@audit.command("head")
def head_() -> None:
    """Print the newest entry's number and digest. Kept elsewhere, it shows later that nothing before it was changed.

    \b
      posemill audit head > head.txt
    """
    from posemill.store import audit as trail

    with transaction() as connection:
        head = trail.head(connection)
    click.echo(f"{head.number}:{head.digest}")


@audit.command()
@click.argument("kept", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(kept: str | None, as_json: bool) -> None:
    """Compute every entry's digest again; exit status 1 where one was changed, removed or put in between.

    KEPT is a head that `posemill audit head` printed earlier: with it a chain that was written anew, or cut off at its
    end, is found too.

    \b
      posemill audit verify
      posemill audit verify "$(cat head.txt)"
    """
    from posemill.store import audit as trail

    head = trail.parse_head(kept) if kept else None
    with transaction() as connection:
        check = trail.verify(connection, head)
    if as_json:
        click.echo(json.dumps({"entries": check.entries, "head": check.head.digest, "faults": list(check.faults)}))
    else:
        for fault in check.faults:
            click.echo(f"FAULT: {fault}")
        if not check.faults:
            click.echo(
                f"{check.entries} entries, each as it was written; the head is {check.head.number}:{check.head.digest}"
            )
    if check.faults:
        raise SystemExit(1)
