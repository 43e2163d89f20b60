"""`posemill segments`: list, add, correct and remove activity segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from posemill.cli.clip_options import claim_options
from posemill.cli.connection import transaction
from posemill.cli.output import page, table
from posemill.store.clip_fields import FIELDS, HISTORY

if TYPE_CHECKING:
    pass

BY = click.option("--by", help="Annotator; default: user@host.")


@click.group()
def segments() -> None:
    """List and correct activity segments. Earlier versions are kept, with annotator and time.

    \b
      posemill segments list --medium 3fa9c1
      posemill segments set 3fa9c1 --start 2 --end 7.5 --activity squat
      posemill segments correct 17 --activity lunge
      posemill segments list --history
    """


@segments.command("list")
@click.option("--medium", help="Only this medium: the beginning of its digest.")
@click.option("--dataset", help="Only this dataset.")
@click.option("--history", is_flag=True, help="Also closed segments.")
@page
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(
    medium: str | None, dataset: str | None, history: bool, after: int | None, limit: int | None, as_json: bool
) -> None:
    """List current segments, and with --history also closed ones.

    \b
      posemill segments list --medium 3fa9c1 --history
      posemill segments list --limit 1000 --after 42000
    """
    from posemill.ingest import segments as annotated

    with transaction() as connection:
        rows = annotated.list_segments(
            connection, medium=medium, dataset=dataset, history=history, after=after, limit=limit
        )
    names = ["clip", "medium", *FIELDS, "dataset", "annotated_by", "annotated_at", *(HISTORY if history else ())]
    table(rows, names, as_json, "no segments: add some with `posemill add` or `posemill segments set`")


@segments.command("set")
@click.argument("medium")
@click.option("--start", "start_s", default=0.0, show_default=True, help="Seconds from the medium's start.")
@click.option("--end", "end_s", type=float, help="Seconds; default: the medium's end.")
@claim_options()
@BY
def set_(medium: str, start_s: float, end_s: float | None, by: str | None, **claims: Any) -> None:
    """Add a segment, or fill in what is empty in it (MEDIUM: the beginning of its digest).

    \b
      posemill segments set 3fa9c1 --start 2 --end 7.5 --activity squat
    """
    from posemill.ingest import segments as annotated
    from posemill.store.current_user import current_user

    with transaction() as connection:
        click.echo(
            annotated.set_segment(
                connection, medium, start_s=start_s, end_s=end_s, annotated_by=by or current_user(), **claims
            )
        )


@segments.command("correct")
@click.argument("clip", type=int)
@click.option("--start", "start_s", type=float, help="Seconds from the medium's start.")
@click.option("--end", "end_s", type=float, help="Seconds from the medium's start.")
@claim_options()
@click.option("--unlabelled", is_flag=True, help="Clear its activity.")
@BY
def correct(clip: int, unlabelled: bool, by: str | None, **given: Any) -> None:
    """Correct a segment (CLIP: its number in `posemill segments list`). The old row is kept.

    \b
      posemill segments correct 17 --activity lunge --by anna
      posemill segments correct 17 --start 1.5 --end 6
    """
    from posemill.ingest import segments as annotated
    from posemill.store.current_user import current_user

    changes = {name: value for name, value in given.items() if value is not None}
    if unlabelled:
        changes["activity"] = None
    with transaction() as connection:
        number = annotated.correct(connection, clip, by or current_user(), **changes)
    click.echo(f"clip {clip} is unchanged" if number == clip else f"clip {number} takes the place of {clip}")


@segments.command("remove")
@click.argument("clip", type=int)
@BY
def remove(clip: int, by: str | None) -> None:
    """Remove a segment (its row is kept, closed).

    \b
      posemill segments remove 17
    """
    from posemill.store import catalog
    from posemill.store.current_user import current_user

    with transaction() as connection:
        catalog.remove_clip(connection, clip, by or current_user())
    click.echo(f"clip {clip} is ended")
