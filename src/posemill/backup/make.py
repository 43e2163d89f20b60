"""A backup: the database at one moment, then whatever files are new since the last one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine

from posemill import __version__
from posemill.backup import tables
from posemill.backup.contents import Source, store_files, workspace_files
from posemill.backup.objects import ObjectStore, file_digest
from posemill.backup.snapshot import File, Snapshot, TableRows
from posemill.errors import Unavailable
from posemill.settings import Settings
from posemill.store import audit
from posemill.store.files import as_unavailable
from posemill.store.postgres import revision

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup: its name, its description, and how many objects and bytes were new."""

    name: str
    snapshot: Snapshot
    new_objects: int
    new_bytes: int


class _Writer:
    """Puts files into the object store and counts what is new."""

    def __init__(self, objects: ObjectStore, scratch: Path, last: Snapshot | None) -> None:
        self._objects, self._scratch = objects, scratch
        self._known = {(f.place, f.path, f.size, f.modified): f.digest for f in last.files} if last else {}
        self.new_objects = self.new_bytes = 0

    def put(self, path: Path) -> str:
        digest = file_digest(path)
        if self._objects.put(path, digest):
            self.new_objects += 1
            self.new_bytes += path.stat().st_size
        return digest

    def file(self, source: Source, fs: Any | None = None) -> File | None:
        """Back up one file; None for one that is gone by now."""
        about = (source.place, source.path)
        if source.link is not None:
            return File(*about, "", 0, source.modified, source.mode, source.link)
        key = (*about, source.size, source.modified)
        digest = self._known.get(key) if source.modified else None
        if digest is None or digest not in self._objects.digests():
            try:
                digest = self.put(self._here(source, fs))
            except FileNotFoundError:
                return None
        return File(*about, digest, source.size, source.modified, source.mode)

    def _here(self, source: Source, fs: Any | None) -> Path:
        """The file on this machine; one of a remote store is fetched."""
        if fs is None or Path(source.at).is_file():
            return Path(source.at)
        path = self._scratch / "fetched"
        with as_unavailable(f"{source.path} of the store cannot be read"):
            fs.get_file(source.at, str(path))
        return path


def back_up(settings: Settings, engine: Engine, objects: ObjectStore, progress: Progress = lambda _: None) -> Made:
    """Write a snapshot of database, store and workspace.

    The database is dumped first: files of the store are written before the rows that name them, and are never changed,
    so what the rows name is in the snapshot. Killed at any instant it leaves the snapshots before it as they were, and
    the next one goes on with the objects that are there.
    """
    last = _last(objects)
    created = datetime.now(UTC)
    name = f"{created:%Y%m%dT%H%M%S.%fZ}-{token_hex(2)}"  # in the order of time
    with TemporaryDirectory(prefix="posemill-backup-") as folder:
        scratch = Path(folder)
        writer = _Writer(objects, scratch, last)
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            migration, head = revision(connection), audit.head(connection)
            dumped = [
                TableRows(t.name, t.columns, t.rows, writer.put(t.path)) for t in tables.dump(connection, scratch)
            ]
        fs, stored = store_files(settings)
        files = _all(writer, workspace_files(settings), None, progress) + _all(writer, stored, fs, progress)
        snapshot = Snapshot(
            created.isoformat(timespec="seconds"),
            __version__,
            str(migration),
            f"{head.number}:{head.digest}",
            tuple(dumped),
            tuple(files),
            _git(settings.workspace, scratch, writer),
        )
    objects.put_snapshot(name, snapshot.to_bytes())
    with engine.begin() as connection:
        audit.record(connection, "backup", objects.url, details={"snapshot": name})
    return Made(name, snapshot, writer.new_objects, writer.new_bytes)


def _last(objects: ObjectStore) -> Snapshot | None:
    """The newest snapshot, whose files need not be read again if they have not changed.

    None without one, and where it can be read by others only: a machine that backs up need not be able to restore.
    """
    names = objects.snapshots()
    if not names or (objects.encrypts and not objects.reads):
        return None
    return Snapshot.from_bytes(objects.snapshot(names[-1]), names[-1])


def _all(writer: _Writer, sources: Iterable[Source], fs: Any | None, progress: Progress) -> list[File]:
    found = []
    for source in sources:
        file = writer.file(source, fs)
        progress(source.size)
        if file is not None:
            found.append(file)
    return found


def _git(root: Path, scratch: Path, writer: _Writer) -> tuple[str, str] | None:
    """All branches as one bundle; None where the workspace is not the root of a repository with a commit."""
    if not (root / ".git").exists() or _run(root, "rev-parse", "--verify", "-q", "HEAD") is None:
        return None
    bundle = scratch / "history.bundle"
    if _run(root, "bundle", "create", "-q", str(bundle), "--all", "HEAD") is None:
        raise Unavailable(f"the history of {root} cannot be bundled: `git -C {root} fsck` says why")
    branch = _run(root, "symbolic-ref", "-q", "HEAD") or _run(root, "rev-parse", "HEAD") or ""
    return writer.put(bundle), branch


def _run(root: Path, *command: str) -> str | None:
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
