"""Check that nothing is left of erased data: a search of database, store, workspace, DVC's objects and backups."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine

from posemill.backup.objects import ObjectStore
from posemill.erasure import backups, dvc_objects
from posemill.erasure.files import StoreFiles, copies, found_in, workspace_files
from posemill.erasure.needles import Needles
from posemill.erasure.rows import rows_with
from posemill.erasure.scope import scope_of
from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.erasures import Targets, erasures
from posemill.store.exchange import FOLDER

_READ = ("media/", f"{FOLDER}/")
_SEARCHED = 16 << 20  # text files up to this size are searched for the name as a word


@dataclass(frozen=True)
class Finding:
    """Something that is left: the kind of place, and where."""

    place: str
    where: str


@dataclass
class Search:
    """Outcome of a check.

    left       what holds, is or names the data.
    mentions   texts with the subject's name as a word, and git's history: for a person to look at.
    looked_at  how many rows, files and objects were searched, by place.
    """

    left: list[Finding] = field(default_factory=list)
    mentions: list[Finding] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)

    def count(self, place: str, number: int = 1) -> None:
        """Count what was searched."""
        self.looked_at[place] = self.looked_at.get(place, 0) + number


def search(
    settings: Settings,
    engine: Engine,
    needles: Needles,
    objects: frozenset[str] = frozenset(),
    backup_stores: Sequence[ObjectStore] = (),
) -> Search:
    """Search everything for what the needles name, and for DVC's objects (MD5) that were removed."""
    found = Search()
    _database(engine, needles, found)
    _store(settings, engine, needles, found)
    _workspace(settings, needles, found)
    clean: set[str] = set()
    for place in dvc_objects.places(settings.workspace):
        _dvc(place, needles, objects, clean, found)
    search_backups(backup_stores, needles, objects, found)
    found.mentions += [Finding("git", where) for where in _history(settings.workspace, needles)]
    return found


def search_backups(stores: Sequence[ObjectStore], needles: Needles, objects: frozenset[str], found: Search) -> None:
    """Search backups, and add what is in them to what was found elsewhere."""
    for store in stores:
        found.count("backups", len(store.snapshots()))
        held = backups.holding(store, needles, objects)
        found.left += [Finding(f"backup {store.url}", f"snapshot {name}") for name in held]


def _database(engine: Engine, needles: Needles, found: Search) -> None:
    with engine.connect() as connection:
        found.left += [Finding("database", f"{table} {key}") for table, key, _ in rows_with(connection, needles)]
        found.count("tables", len(schema.metadata.tables))


def _store(settings: Settings, engine: Engine, needles: Needles, found: Search) -> None:
    store = StoreFiles(settings.store_url)
    paths = store.paths()
    found.count("files of the store", len(paths))
    found.left += [Finding("store", path) for path in store_files_with(store, paths, engine, needles)]


def store_files_with(store: StoreFiles, paths: Sequence[str], engine: Engine, needles: Needles) -> list[str]:
    """Return the files of the store that are named by a digest or whose content names the data.

    Files of known media are what their names say. The others beside them (lineage, reports) are read.
    """
    with engine.connect() as connection:
        query = "SELECT digest FROM medium UNION SELECT blurred_digest FROM medium"
        media = set(connection.exec_driver_sql(query).scalars())
    return [
        path
        for path in paths
        if needles.in_text(path)
        or (path.startswith(_READ) and path.rsplit("/", 1)[1] not in media and needles.in_bytes(store.read(path)))
    ]


def _workspace(settings: Settings, needles: Needles, found: Search) -> None:
    found.left += [Finding("copy", str(path)) for path in copies(needles.digests, settings)]
    for path in workspace_files(settings):
        found.count("files of the workspace")
        if found_in(path, needles):
            found.left.append(Finding("workspace", str(path)))
        elif needles.subject and path.stat().st_size <= _SEARCHED and needles.mentions(path.read_bytes()):
            found.mentions.append(Finding("workspace", str(path)))


def _dvc(
    place: dvc_objects.ObjectPlace, needles: Needles, objects: frozenset[str], clean: set[str], found: Search
) -> None:
    """Search a place; what was found clean in another one is not read again: the same MD5 is the same content."""
    found.count(place.name, len(place.objects))
    for md5, path in place.objects.items():
        if md5 in objects or (md5 not in clean and needles.in_bytes(place.read(path))):
            found.left.append(Finding(place.name, md5))
        else:
            clean.add(md5)


def _history(root: Path, needles: Needles) -> Iterator[str]:
    """Blobs of git, of all commits, that name the data: posemill does not rewrite a history."""
    if not (root / ".git").exists():
        return
    command = ["git", "-C", str(root), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as git:
        assert git.stdout is not None
        while header := git.stdout.readline():
            name, kind, size = header.decode().split()
            content = git.stdout.read(int(size) + 1)
            if kind == "blob" and needles.in_bytes(content[:-1]):
                yield f"object {name}"


def expected_gone(root: Path, objects: Collection[str], named: Collection[str]) -> frozenset[str]:
    """Return those of these objects of DVC's that no run without the data has written since, byte for byte."""
    return frozenset(objects) - dvc_objects.written_without(root, dvc_objects.places(root), named)


def known_digests(
    connection: Connection, root: Path, subject: str | None, media: Sequence[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the digests to search for (SHA-256) and DVC's objects (MD5) of a subject or of media.

    They come from erasures, and from the database as far as it still has them.
    Errors: InputError for a medium that is neither there nor was erased.
    """
    digests: set[str] = set()
    objects: set[str] = set()
    unknown: list[str] = []
    done = [Targets.read(row["targets"]) for row in erasures(connection)]
    wanted: Sequence[str | None] = media or [None]
    for which in wanted:
        hers = [t for t in done if (t.is_of(subject) if subject is not None else _has(t, which))]
        for targets in hers:
            digests |= {*targets.media, *targets.files}
            objects |= expected_gone(root, targets.objects, targets.named)
        try:
            digests |= scope_of(connection, subject, [which] if which else []).digests
        except InputError as exc:
            unknown += [] if hers or subject is not None else [str(exc)]
    if unknown:
        raise InputError(unknown[0])
    return frozenset(digests), frozenset(objects)


def _has(targets: Targets, which: str | None) -> bool:
    return which is not None and len(which) >= 6 and any(digest.startswith(which) for digest in targets.media)
