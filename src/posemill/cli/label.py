"""`posemill label`: poses without DVC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from posemill.labelling.backlog import Labeller


@click.command()
@click.option("--plan", is_flag=True, help="Only say what would be done.")
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def label(plan: bool, quiet: bool, as_json: bool) -> None:
    """Label the poses of everything that is new in the database.

    \b
    The label stage of `dvc repro` then finds the work done. Stopped at any time, it goes on where it was:
      posemill label --plan
      posemill label
    """
    from posemill.cli.tracks import _labeller
    from posemill.settings import Settings
    from posemill.store.catalog import media, open_quarantine, quarantine_medium
    from posemill.store.postgres import open_engine

    settings = Settings.from_env()
    engine = open_engine(settings)
    with engine.connect() as connection:
        videos = [row["digest"] for row in media(connection) if row["kind"] == "video" and row["digest"]]
        aside = {row["medium"] for row in open_quarantine(connection) if row["what"] == "medium"}
    labeller = _labeller(settings)
    new = [medium for medium in labeller.missing(videos) if medium not in aside]
    figures = {"new": len(new), "cached": len([v for v in videos if v not in aside]) - len(new)}
    figures["quarantined"] = len(aside & set(videos))
    if not plan:
        unreadable = _label(labeller, new, quiet or as_json)
        with engine.begin() as connection:
            for digest, reason in unreadable.items():
                quarantine_medium(connection, digest, stage="label", reason=reason, added_by="posemill label")
        figures = {"labelled": len(new) - len(unreadable), "cached": figures["cached"]}
        figures["quarantined"] = len(aside & set(videos)) + len(unreadable)
    if as_json:
        click.echo(json.dumps(figures))
    elif not quiet:
        click.echo(", ".join(f"{name} {number}" for name, number in figures.items()))


def _label(labeller: Labeller, new: list[str], quiet: bool) -> dict[str, str]:
    from posemill.stages.label import progress_bar

    if quiet:
        return labeller.label(new)
    with progress_bar(len(new), 0) as report:
        return labeller.label(new, report)
