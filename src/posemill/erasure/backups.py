"""Erasure from backups: snapshots that hold the data are replaced by one of today and pruned.

A snapshot is the digests of its objects and stays what it was; one without some of its rows would be a state that never
was. So whole snapshots go: first a new one is written, then those that hold the data, then objects that none needs.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from posemill.backup.make import back_up
from posemill.backup.objects import ObjectStore
from posemill.backup.prune import remove_snapshots
from posemill.backup.snapshot import Snapshot
from posemill.erasure.needles import Needles
from posemill.settings import Settings

_KEPT = ("audit", "audit_head", "erasure")


def holding(objects: ObjectStore, needles: Needles, removed: Collection[str] = ()) -> list[str]:
    """Return the names of the snapshots that hold the data: by a row, a file named by a digest, or an object of DVC's.

    removed  MD5 of DVC's objects that hold or come of the data.

    Errors: InputError for an encrypted backup without an identity: nobody could say what is in it.
    """
    return [name for name in objects.snapshots() if any(_evidence(objects, name, needles, removed))]


def replace(settings: Settings, engine: Engine, objects: ObjectStore, names: list[str]) -> int:
    """Write a snapshot of today where some are to go and none is newer without the data; then remove those.

    Return how many were removed. Killed in between it leaves the old ones, which the next call removes.
    """
    if names and objects.snapshots()[-1] in names:
        back_up(settings, engine, objects)
    return len(remove_snapshots(objects, names).snapshots)


def _evidence(objects: ObjectStore, name: str, needles: Needles, removed: Collection[str]) -> Iterator[bool]:
    snapshot = Snapshot.from_bytes(objects.snapshot(name), name)
    yield any(needles.in_text(file.path) or file.digest in needles.digests for file in snapshot.files)
    cached = {"".join(file.path.rsplit("/", 2)[1:]) for file in snapshot.files if "/files/md5/" in file.path}
    yield not cached.isdisjoint(removed)
    with TemporaryDirectory(prefix="posemill-erase-") as folder:
        path = Path(folder) / "table"
        for table in snapshot.tables:
            if table.name not in _KEPT:
                objects.fetch(table.digest, path)
                name_of = "name" if table.name == "subject" else "subject"  # the column with names of subjects
                yield _in_table(path, table.columns.index(name_of) if name_of in table.columns else None, needles)


def _in_table(path: Path, place: int | None, needles: Needles) -> bool:
    with gzip.open(path, "rb") as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
        return any(
            any(map(needles.in_text, row)) or (place is not None and row[place] == needles.subject) for row in rows
        )
