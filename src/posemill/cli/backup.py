"""`posemill backup`: snapshots of database, store and workspace, and their restoration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from posemill.cli.output import modes, say, table


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
@modes
def create(url: str, quiet: bool, as_json: bool) -> None:
    """Write a snapshot to URL. Files that an earlier snapshot has already are not written again.

    \b
    Examples:
      posemill backup create /mnt/backups/gym
      posemill backup create sftp://backup@host/gym
    """
    from posemill.backup.make import back_up
    from posemill.settings import Settings
    from posemill.store.postgres import open_engine

    settings = Settings.from_env()
    engine = open_engine(settings)
    try:
        with _progress("backing up", quiet or as_json) as advance:
            made = back_up(settings, engine, _absolute(url), advance)
    finally:
        engine.dispose()
    figures = {"snapshot": made.name, "files": len(made.snapshot.files), "bytes": made.snapshot.size}
    rows = sum(table.rows for table in made.snapshot.tables)
    say(figures | {"rows": rows, "new_objects": made.new_objects, "new_bytes": made.new_bytes}, quiet, as_json)


@backup.command("list")
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(url: str, as_json: bool) -> None:
    """List the snapshots in URL, the oldest first."""
    from posemill.backup.objects import ObjectStore
    from posemill.backup.snapshot import Snapshot

    objects = ObjectStore(_absolute(url))
    rows = []
    for name in objects.snapshots():
        snapshot = Snapshot.from_bytes(objects.snapshot(name), name)
        counts = {"files": len(snapshot.files), "bytes": snapshot.size, "rows": sum(t.rows for t in snapshot.tables)}
        rows.append({"snapshot": name, "created": snapshot.created, **counts, "version": snapshot.version})
    table(rows, ("snapshot", "created", "files", "bytes", "rows", "version"), as_json, "there are no snapshots")


@backup.command()
@click.argument("url")
@click.option("--snapshot", "name", help="Beginning of its name; default: the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(url: str, name: str | None, as_json: bool) -> None:
    """Read every object of a snapshot and compare its digest; exit status 1 where one is missing or damaged."""
    from posemill.backup.objects import ObjectStore
    from posemill.backup.restore import find_snapshot

    objects = ObjectStore(_absolute(url))
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
@modes
def restore(url: str, into: Path | None, name: str | None, quiet: bool, as_json: bool) -> None:
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
        done = restore_snapshot(settings, _absolute(url), name, advance)
    say({"snapshot": done.name, "files": done.files, "rows": done.rows}, quiet, as_json)


@backup.command()
@click.argument("url")
@click.option("--keep", required=True, type=click.IntRange(1), help="How many of the newest snapshots stay.")
@modes
def prune(url: str, keep: int, quiet: bool, as_json: bool) -> None:
    """Remove all but the newest snapshots, and the objects that none of those needs.

    \b
    Examples:
      posemill backup prune /mnt/backups/gym --keep 30
    """
    from posemill.backup.prune import prune as prune_snapshots

    removed = prune_snapshots(_absolute(url), keep)
    say({"snapshots": len(removed.snapshots), "objects": removed.objects}, quiet, as_json)


def _absolute(url: str) -> str:
    """A path relative to where the command was typed, not to the workspace."""
    return url if "://" in url else str(Path(url).resolve())


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
