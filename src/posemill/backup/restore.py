"""Restoration of a snapshot into an empty place."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from posemill.backup import tables
from posemill.backup.objects import ObjectStore
from posemill.backup.snapshot import File, Snapshot
from posemill.errors import InputError, PosemillError
from posemill.settings import Settings
from posemill.store import audit
from posemill.store.files import as_unavailable
from posemill.store.filesystems import open_filesystem
from posemill.store.postgres import transaction


@dataclass(frozen=True, slots=True)
class Restored:
    """Outcome of a restoration: the snapshot's name, files and rows."""

    name: str
    files: int
    rows: int


def find_snapshot(objects: ObjectStore, name: str | None) -> tuple[str, Snapshot]:
    """Return a snapshot by the beginning of its name, or the newest. Errors: InputError for none, or several."""
    names = objects.snapshots()
    if not names:
        raise InputError(f"{objects.url} has no snapshot: `posemill backup create {objects.url}` writes one")
    matches = [n for n in names if n.startswith(name)] if name else names[-1:]
    if len(matches) != 1:
        which = "several snapshots begin" if matches else "no snapshot begins"
        raise InputError(f"{which} with {name}; there are {', '.join(names)}")
    return matches[0], Snapshot.from_bytes(objects.snapshot(matches[0]), matches[0])


def restore(
    settings: Settings, objects: ObjectStore, name: str | None = None, progress: Callable[[int], None] = lambda _: None
) -> Restored:
    """Restore workspace, home, store and database as the settings name them; all must be empty.

    The audit trail comes with the rows and is verified. Errors: InputError for a place that is not empty, a backup that
    is damaged or incomplete, or one of a newer posemill.
    """
    name, snapshot = find_snapshot(objects, name)
    _require_empty(settings)
    missing = snapshot.objects - objects.digests()
    if missing:
        raise InputError(
            f"the backup {objects.url} is incomplete: {len(missing)} objects of {name} are missing; nothing is restored"
        )
    for file in snapshot.files:
        _inside(Path(), file.path)
    settings.workspace.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="posemill-restore-") as folder:
        scratch = Path(folder)
        for file in snapshot.files:
            if file.place != "store":
                _write(file, {"workspace": settings.workspace, "home": settings.home}[file.place], objects)
                progress(file.size)
        _store(settings, snapshot, objects, scratch, progress)
        if snapshot.git is not None:
            _git(settings.workspace, snapshot.git, objects, scratch)
        rows = _database(settings, snapshot, objects, scratch)
    with transaction(settings) as connection:
        check = audit.verify(
            connection, audit.parse_head(snapshot.audit_head) if snapshot.audit_head[0] != "0" else None
        )
        if check.faults:
            raise PosemillError(f"the audit trail of {name} does not hold: {check.faults[0]}")
        audit.record(connection, "restore", objects.url, details={"snapshot": name})
    return Restored(name, len(snapshot.files), rows)


def _require_empty(settings: Settings) -> None:
    for place in (settings.workspace, settings.home):
        if place.exists() and any(p.name != "postgres" for p in place.iterdir() if p != settings.home):
            raise InputError(
                f"a backup is restored into an empty place only, and {place} has files: name another folder"
            )


def _write(file: File, root: Path, objects: ObjectStore) -> None:
    target = _inside(root, file.path)
    with as_unavailable(f"{target} cannot be written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.link is not None:
            target.symlink_to(file.link)
            return
        objects.fetch(file.digest, target)
        target.chmod(file.mode)
        os.utime(target, (file.modified, file.modified))


def _inside(root: Path, path: str) -> Path:
    """The file of a relative path. Errors: InputError for one that leaves the folder."""
    target = root / path
    if os.path.isabs(path) or ".." in Path(path).parts:
        raise InputError(f"the backup is damaged: it names the file {path}")
    return target


def _store(
    settings: Settings, snapshot: Snapshot, objects: ObjectStore, scratch: Path, progress: Callable[[int], None]
) -> None:
    fs, root = open_filesystem(settings.store_url)
    for file in snapshot.files:
        if file.place == "store":
            here, target = scratch / "object", f"{root.rstrip('/')}/{file.path}"
            objects.fetch(file.digest, here)
            with as_unavailable(f"the store {settings.store_url} cannot be written"):
                fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                fs.put_file(str(here), target)
            progress(file.size)


def _git(root: Path, git: tuple[str, str], objects: ObjectStore, scratch: Path) -> None:
    """Bring the history back; the files are there, so that what was not committed still is not."""
    digest, branch = git
    bundle = scratch / "history.bundle"
    objects.fetch(digest, bundle)
    commands = [["init", "-q"], ["fetch", "-q", "--update-head-ok", str(bundle), "refs/*:refs/*"]]
    if branch.startswith("refs/"):
        commands += [["symbolic-ref", "HEAD", branch]]
    else:
        commands += [["fetch", "-q", str(bundle), "HEAD"], ["update-ref", "--no-deref", "HEAD", branch]]
    for command in [*commands, ["reset", "-q"]]:
        done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PosemillError(f"the history of the workspace cannot be restored: {done.stderr.strip()[:300]}")


def _database(settings: Settings, snapshot: Snapshot, objects: ObjectStore, scratch: Path) -> int:
    """Tables at the migration of the snapshot, its rows, and then the migrations since."""
    files = []
    for table in snapshot.tables:
        path = scratch / f"{table.name}.csv.gz"
        objects.fetch(table.digest, path)
        files.append(tables.TableFile(table.name, table.columns, table.rows, path))
    with transaction(settings, snapshot.revision) as connection:
        tables.load(connection, files)
    return sum(table.rows for table in snapshot.tables)
