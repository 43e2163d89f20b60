"""`posemill backup`: snapshots of database, store and workspace, and their restoration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.output import modes, say, table

if TYPE_CHECKING:
    from posemill.backup.objects import ObjectStore


@click.group()
def backup() -> None:
    """Back up database, store and workspace to any fsspec URL, and restore them.

    \b
      posemill backup create s3://bucket/gym
      posemill backup list s3://bucket/gym
      posemill backup restore s3://bucket/gym --into gym/
    """


@backup.command()
@click.argument("url")
@click.option("--recipient", "recipients", multiple=True, help="Encrypt to this age recipient (age1…), and to more.")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="age identity, if it is encrypted.")
@modes
def create(url: str, recipients: tuple[str, ...], identity: Path | None, quiet: bool, as_json: bool) -> None:
    """Write a snapshot to URL. Files that an earlier snapshot has already are not written again.

    \b
    Examples:
      posemill backup create /mnt/backups/gym
      posemill backup create sftp://backup@host/gym --recipient age1…
    """
    from posemill.backup.make import back_up
    from posemill.settings import Settings
    from posemill.store.postgres import opened_engine

    settings = Settings.from_env()
    with opened_engine(settings) as engine, _progress("backing up", quiet or as_json) as advance:
        made = back_up(settings, engine, _objects(url, recipients, identity), advance)
    figures = {"snapshot": made.name, "files": len(made.snapshot.files), "bytes": made.snapshot.size}
    rows = sum(table.rows for table in made.snapshot.tables)
    say(figures | {"rows": rows, "new_objects": made.new_objects, "new_bytes": made.new_bytes}, quiet, as_json)


@backup.command("list")
@click.argument("url")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="age identity, if it is encrypted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(url: str, identity: Path | None, as_json: bool) -> None:
    """List the snapshots in URL, the oldest first."""
    from posemill.backup.snapshot import Snapshot

    objects = _objects(url, identity=identity)
    rows = []
    for name in objects.snapshots():
        snapshot = Snapshot.from_bytes(objects.snapshot(name), name)
        counts = {"files": len(snapshot.files), "bytes": snapshot.size, "rows": sum(t.rows for t in snapshot.tables)}
        rows.append({"snapshot": name, "created": snapshot.created, **counts, "version": snapshot.version})
    table(rows, ("snapshot", "created", "files", "bytes", "rows", "version"), as_json, "there are no snapshots")


@backup.command()
@click.argument("url")
@click.option("--snapshot", "name", help="Beginning of its name; default: the newest.")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="age identity, if it is encrypted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(url: str, name: str | None, identity: Path | None, as_json: bool) -> None:
    """Read every object of a snapshot and compare its digest; exit status 1 where one is missing or damaged."""
    from posemill.backup.restore import find_snapshot

    objects = _objects(url, identity=identity)
    found, snapshot = find_snapshot(objects, name)
    faults = [fault for digest in sorted(snapshot.objects) if (fault := objects.fault(digest))]
    if as_json:
        click.echo(json.dumps({"snapshot": found, "objects": len(snapshot.objects), "faults": faults}))
    else:
        for fault in faults:
            click.echo(f"FAULT: {fault}")
        if not faults:
            click.echo(f"{found}: {len(snapshot.objects)} objects, each as it was written")
    if faults:
        raise SystemExit(1)


@backup.command()
@click.argument("url")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Workspace; default: this folder.")
@click.option("--snapshot", "name", help="Beginning of its name; default: the newest.")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="age identity, if it is encrypted.")
@modes
def restore(url: str, into: Path | None, name: str | None, identity: Path | None, quiet: bool, as_json: bool) -> None:
    """Restore a snapshot from URL into an empty folder and an empty database.

    Where POSEMILL_HOME, POSEMILL_DATABASE_URL or POSEMILL_STORE_URL are set, home, database and store go there;
    else into the folder. `dvc repro` there finds nothing to do.

    \b
    Examples:
      posemill backup restore /mnt/backups/gym --into gym/
    """
    import os

    from posemill.backup.restore import restore as restore_snapshot
    from posemill.settings import Settings

    settings = Settings.from_env(os.environ | ({"POSEMILL_WORKSPACE": str(into)} if into else {}))
    with _progress("restoring", quiet or as_json) as advance:
        done = restore_snapshot(settings, _objects(url, identity=identity), name, advance)
    say({"snapshot": done.name, "files": done.files, "rows": done.rows}, quiet, as_json)


@backup.command()
@click.argument("url")
@click.option("--keep", required=True, type=click.IntRange(1), help="How many of the newest snapshots stay.")
@click.option("--identity", type=click.Path(path_type=Path, dir_okay=False), help="age identity, if it is encrypted.")
@modes
def prune(url: str, keep: int, identity: Path | None, quiet: bool, as_json: bool) -> None:
    """Remove all but the newest snapshots, and the objects that none of those needs.

    \b
    Examples:
      posemill backup prune /mnt/backups/gym --keep 30
    """
    from posemill.backup.prune import prune as prune_snapshots

    removed = prune_snapshots(_objects(url, identity=identity), keep)
    say({"snapshots": len(removed.snapshots), "objects": removed.objects}, quiet, as_json)


def _objects(url: str, recipients: Sequence[str] = (), identity: Path | None = None) -> ObjectStore:
    """The objects at a URL; a path is relative to where the command was typed, not to the workspace."""
    from posemill.backup.objects import ObjectStore

    return ObjectStore(url if "://" in url else str(Path(url).resolve()), recipients, identity)


@contextmanager
def _progress(what: str, silent: bool) -> Iterator[Callable[[int], None]]:
    """Bytes so far, on the terminal; nothing where there is none."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    off = silent or not console.is_terminal
    with Progress(TextColumn(what), DownloadColumn(), console=console, disable=off, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda size: bar.advance(task, size)
