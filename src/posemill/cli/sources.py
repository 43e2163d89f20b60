"""`posemill add`, `capture`, `media`, `quarantine`: media in, listed and set aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.clip_options import claim_options
from posemill.cli.output import modes, page, progress, say, table
from posemill.cli.segments import segments
from posemill.errors import InputError
from posemill.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from posemill.store.media import MediaStore

PRIVACY = ("keypoints-only", "blur-faces")
__all__ = ["add", "capture", "media", "opened", "quarantine", "segments"]


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@claim_options()
@click.option("--activity-from-folder", is_flag=True, help="The folder of a file names its activity.")
@click.option("--dataset", default="own", show_default=True, help="The dataset they belong to.")
@click.option("--privacy", type=click.Choice(PRIVACY), help="Once posed: remove the videos, or blur faces in them.")
@modes
def add(
    paths: tuple[Path, ...],
    activity_from_folder: bool,
    dataset: str,
    privacy: str | None,
    quiet: bool,
    as_json: bool,
    **claims: str | None,
) -> None:
    """Add videos or pictures: files, folders, or a manifest of segments (.csv or .parquet).

    A picture (JPEG, PNG, WebP) is one pose. Of a folder its videos are taken; of one without videos its pictures.

    A manifest has the column path and any of start_s, end_s, activity, subject, camera, split. Adding the same file
    again changes nothing; what is missing is filled in, and a contradiction is listed and left as it was.

    \b
      posemill add squat.mp4 --activity squat --subject anna
      posemill add videos/ --activity-from-folder
      posemill add photos/ --activity-from-folder
      posemill add segments.csv --dataset gym
      posemill add ward/ --privacy keypoints-only
    """
    from dataclasses import asdict

    from posemill.ingest.entry import add_entries
    from posemill.ingest.folder import scan
    from posemill.store.current_user import current_user

    if claims["activity"] and activity_from_folder:
        raise InputError("give --activity or --activity-from-folder, not both")
    found = scan(paths, activity_from_folder=activity_from_folder, **claims)
    wanted, left_out = found.entries, found.left_out
    files = len({entry.path for entry in wanted})
    with opened() as (engine, store), progress("adding", files, quiet or as_json) as step:
        by = current_user()
        done = add_entries(engine, store, wanted, dataset=dataset, annotated_by=by, privacy=privacy, advance=step)
    added = asdict(done)
    conflicts, unreadable = added.pop("conflicts"), dict(added.pop("unreadable"))
    lists = {"conflicts": list(conflicts), "unreadable": unreadable, "left_out": left_out}
    say({**added, **(lists if as_json else {name: len(rows) for name, rows in lists.items()})}, quiet, as_json)
    if not as_json:
        for line in (*conflicts, *(f"{source} is in quarantine: {reason}" for source, reason in unreadable.items())):
            click.echo(line, err=True)
        print_left_out(left_out)


def print_left_out(left_out: dict[str, str], shown: int = 20) -> None:
    """Print on stderr what was left out and why: by name, or of many with one reason the first of them."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        for name in names[:shown]:
            click.echo(f"{name} is left out: {reason}", err=True)
        if len(names) > shown:
            click.echo(f"and {len(names) - shown} more are left out: {reason}", err=True)


@click.command()
@click.argument("source")
@click.option("--seconds", default=10.0, show_default=True, help="How long to record.")
@claim_options(camera="Name of the camera; default: the source, without user and password.")
@click.option("--dataset", default="own", show_default=True, help="The dataset it belongs to.")
@click.option("--privacy", type=click.Choice(PRIVACY), help="Once posed: remove the recording, or blur faces in it.")
@click.option("--keep", type=click.Path(path_type=Path, dir_okay=False), help="Keep the recording here as well.")
@modes
def capture(
    source: str,
    seconds: float,
    dataset: str,
    privacy: str | None,
    keep: Path | None,
    quiet: bool,
    as_json: bool,
    **claims: str | None,
) -> None:
    """Record from a camera (its number), a stream (its URL) or a file, and add the recording.

    \b
      posemill capture 0 --seconds 20 --activity squat --subject anna
      posemill capture rtsp://camera.local/stream --seconds 60
    """
    import tempfile
    from datetime import UTC, datetime

    from posemill.ingest.camera import record
    from posemill.ingest.register import register_video
    from posemill.store.current_user import current_user
    from posemill.video.camera import redacted_source

    name = redacted_source(source)
    with tempfile.TemporaryDirectory() as folder, progress("recording, frames", None, quiet or as_json) as step:
        target = keep or Path(folder) / "capture.mp4"
        frames = record(source, target, seconds, lambda _: step(), partial(click.echo, err=True))
        described: dict[str, Any] = claims | {"camera": claims["camera"] or name}
        taken = f"capture {name} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        with opened() as (engine, store), engine.begin() as connection:
            medium = register_video(
                connection,
                store,
                target,
                dataset=dataset,
                source=taken,
                annotated_by=current_user(),
                privacy=privacy,
                **described,
            )
    say({"medium": medium if as_json else medium[:12], "frames": frames}, quiet, as_json)


@click.command()
@click.option("--dataset", help="Only this dataset.")
@page
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def media(dataset: str | None, after: int | None, limit: int | None, as_json: bool) -> None:
    """List media: what is stored, how long it is, where it came from.

    \b
      posemill media --dataset own
      posemill media --limit 1000 --after 42000
    """
    from posemill.store import catalog

    with opened() as (engine, _), engine.connect() as connection:
        rows = catalog.media(connection, [dataset] if dataset else (), after=after, limit=limit)
    names = [
        "id",
        "digest",
        "kind",
        "dataset",
        "source",
        "width_px",
        "height_px",
        "fps",
        "frames",
        "duration_s",
        "added_at",
        "added_by",
    ]
    table(rows, names, as_json, "no media: add some with `posemill add`, `posemill import` or `posemill synth`")


@click.group(invoke_without_command=True)
@click.pass_context
def quarantine(context: click.Context) -> None:
    """Media, clips and tracks in quarantine, with stage and reason.

    \b
      posemill quarantine
      posemill quarantine release 3      the stage looks at it again
    """
    if context.invoked_subcommand is None:
        context.invoke(listed)


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def listed(as_json: bool = False) -> None:
    """List open entries of the quarantine."""
    from posemill.store import catalog

    with opened() as (engine, _), engine.connect() as connection:
        rows = catalog.open_quarantine(connection)
    names = ["id", "entity_type", "medium", "source", "clip", "person", "stage", "reason", "added_at"]
    table(rows, names, as_json, "nothing is in quarantine")


@quarantine.command("release")
@click.argument("number", type=int)
def release(number: int) -> None:
    """Take something out of quarantine, once its cause is gone; the stage looks at it again."""
    from posemill.store import catalog
    from posemill.store.current_user import current_user

    with opened() as (engine, _), engine.begin() as connection:
        catalog.resolve_quarantine(connection, number, current_user())
    click.echo(f"{number} is out of quarantine; run `dvc repro`")


@contextmanager
def opened() -> Iterator[tuple[Engine, MediaStore]]:
    """The database and the store of the settings."""
    from posemill.store.media import MediaStore
    from posemill.store.postgres import opened_engine

    settings = Settings.from_env()
    with opened_engine(settings) as engine:
        yield engine, MediaStore(settings.store_url)
