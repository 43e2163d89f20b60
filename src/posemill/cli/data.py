"""`posemill data`: versions of the data set, and what changed between them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.connection import transaction
from posemill.cli.output import table
from posemill.errors import InputError
from posemill.text_file import spreadsheet_safe

if TYPE_CHECKING:
    from posemill.operations.dataset_versions import Step

COLUMNS = ("version", "at", "clips", "labelled_clips", "classes", "subjects", "media", "changed", "sources")
CHANGES = ("version", "at", "change", "medium", "start_s", "end_s", "before", "after")


@click.group()
def data() -> None:
    """Versions of the data set, and what changed between them.

    \b
      posemill data versions
      posemill data versions --html versions.html --csv changes.csv
    """


@data.command("versions")
@click.option("--dataset", "datasets", multiple=True, help="Only clips of this dataset; repeat for more.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write the page here.")
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Also write every change here."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the oldest version first.")
def versions(datasets: tuple[str, ...], html: Path | None, csv_file: Path | None, as_json: bool) -> None:
    """List dataset versions: clips, labels, classes and subjects that were added, removed or changed.

    A version is what the data held at a commit of dvc.lock, in a model, in build/ or in the database now. Equal data
    have the same name.

    \b
      posemill data versions --html versions.html
      posemill data versions --json | tail -1
    """
    from posemill.atomic import write_text
    from posemill.operations.dataset_history import dataset_versions
    from posemill.operations.dataset_versions import steps
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    inputs = Workspace(Settings.from_env().workspace)
    with transaction() as connection:
        found = steps(dataset_versions(connection, inputs, datasets))
    if not any(step.version.clips for step in found):
        raise InputError("there are no clips yet: add some with `posemill add`, `posemill import` or `posemill synth`")
    if html is not None:
        from posemill.operations.dataset_versions_page import versions_page

        versions_page(found, inputs.root.resolve().name).write(html)
    if csv_file is not None:
        write_text(csv_file, _changes(found))
    if as_json:
        for step in found:
            click.echo(json.dumps(step.to_json()))
        return
    rows = [
        {
            **step.to_json(),
            "changed": len({change.place for change in step.changes}),
            "sources": "; ".join(step.version.sources) + ("" if step.version.exact else " (reconstructed)"),
        }
        for step in found
    ]
    table(rows, COLUMNS, False, "no versions")


def _changes(found: Sequence[Step]) -> str:
    """CSV with one row a change."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CHANGES)
    for step in found:
        at = step.version.at.isoformat(timespec="seconds")
        for change in step.changes:
            end_s = "" if change.place.end_s == float("inf") else change.place.end_s
            place = change.place.medium, change.place.start_s, end_s
            row = [step.version.name, at, change.kind, *place, change.before, change.after]
            writer.writerow(map(spreadsheet_safe, row))
    return text.getvalue()
