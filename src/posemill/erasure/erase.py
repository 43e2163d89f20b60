"""Erasure: rows first, in the transaction that writes down what is to go; then files; then a check and a signed record.

Killed at any instant it is finished by the next call: until the rows are gone nothing has happened, and afterwards the
table `erasure` says what else is to be removed. Every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from posemill import __version__
from posemill.backup.objects import ObjectStore
from posemill.erasure import backups as backup_erasure
from posemill.erasure import dvc_objects, models, rows
from posemill.erasure.check import Search, expected_gone, search, search_backups
from posemill.erasure.files import StoreFiles, copies, found_in, generated, is_medium, remove_folder, workspace_files
from posemill.erasure.plan import Plan, needles_of
from posemill.erasure.record import folder_of, write_record
from posemill.errors import PosemillError
from posemill.handover.keys import SigningKey
from posemill.settings import Settings
from posemill.stages.workspace_lock import workspace_lock
from posemill.store import audit, erasures
from posemill.store.erasures import Targets
from posemill.store.exchange import FOLDER

Log = Callable[[str], object]
HOLDER = "an erasure"


@dataclass(frozen=True)
class Erasure:
    """Everything that the steps of an erasure need.

    backups  stores of backups to erase from; key signs the record.
    """

    settings: Settings
    engine: Engine
    key: SigningKey
    by: str
    backups: Sequence[ObjectStore] = ()
    log: Log = lambda _: None


@dataclass(frozen=True)
class Outcome:
    """A finished erasure, or what is left of it.

    record  the signed record; None while something is left, which `search` lists.
    """

    number: int
    targets: Targets
    search: Search
    record: Path | None


def erase(work: Erasure, plan: Plan) -> Outcome:
    """Erase what a plan lists.

    Errors: Unavailable while a stage or a labeller is at work, or where a place does not answer.
    """
    with _alone(work.settings):
        with work.engine.begin() as connection:
            rows.require_idle(connection, plan.scope.ids)
            targets = plan.targets
            models.rewrite_lineage(connection, work.settings, targets.versions, plan.targets.media, plan.scope.subject)
            trained = [m.version for m in plan.models if m.share == "trained"]
            gone = rows.delete_rows(connection, plan.scope.subject, plan.scope.ids, targets.media, plan.scope.strays)
            changed = rows.redact(connection, needles_of(targets))
            withdrawn = models.withdraw(connection, trained)
            removed = {f"rows of {name}": count for name, count in gone.items()}
            targets = replace(targets, removed={**removed, "rows redacted": changed, "models withdrawn": withdrawn})
            number = erasures.begin(connection, targets, work.by)
            audit.record(connection, "erase", "begun", rows=sum(gone.values()), details={"erasure": number})
        return _finish(work, number, targets)


def resume(work: Erasure, subject: str | None = None) -> list[Outcome]:
    """Finish all erasures that were begun and not finished.

    subject  name that the caller knows: near its end an erasure no longer has it.
    """
    with work.engine.connect() as connection:
        begun = erasures.erasures(connection, "started")
    if not begun:
        return []
    with _alone(work.settings):
        return [_finish(work, row["id"], _named(Targets.read(row["targets"]), subject)) for row in begun]


def _named(targets: Targets, subject: str | None) -> Targets:
    known = targets.subject is None and subject is not None and targets.is_of(subject)
    return replace(targets, subject=subject) if known else targets


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """No flow and no stage runs meanwhile."""
    locks = [settings.workspace / "build" / name for name in ("run.lock", "stage.lock")]
    with workspace_lock(locks[0], HOLDER), workspace_lock(locks[1], HOLDER):
        yield


def require_nothing_left(left: Sequence[str]) -> None:
    """Raise PosemillError that names what an erasure could not remove."""
    if left:
        raise PosemillError(
            f"an erasure is not finished, {len(left)} places still hold something: {'; '.join(left[:5])}; remove "
            "these, then run it again"
        )


def _finish(work: Erasure, number: int, targets: Targets) -> Outcome:
    for name, step in STEPS.items():
        work.log(f"erasing from {name}")
        targets = _counted(targets, step(work, targets))
        with work.engine.begin() as connection:
            erasures.note(connection, number, targets)
    work.log("searching for what is left")
    objects = _objects(work, targets)
    found = search(work.settings, work.engine, needles_of(targets), objects)
    if not found.left:
        targets = _counted(targets, _from_backups(work, number, targets))
        search_backups(work.backups, needles_of(targets), objects, found)
    if found.left:
        return Outcome(number, targets, found, None)
    folder = folder_of(work.settings.home, number)
    digest = write_record(folder, _content(work, number, targets, found), work.key)
    with work.engine.begin() as connection:
        audit.record(connection, "erase", "done", details={"erasure": number, "record": digest})
        erasures.finish(connection, number, targets, digest)
    return Outcome(number, targets, found, folder / "record.json")


def _objects(work: Erasure, targets: Targets) -> frozenset[str]:
    """DVC's objects that must be gone: without those that a build after a kill wrote again, without the data."""
    return expected_gone(work.settings.workspace, targets.objects, targets.named)


def _from_store(work: Erasure, targets: Targets) -> dict[str, int]:
    store = StoreFiles(work.settings.store_url)
    there = store.paths()
    late = store.of(targets.media, there)  # what a worker put there after the plan was made
    exchanged = [path for path in there if path.startswith(f"{FOLDER}/")]  # of runs that were killed
    return {"files of the store": sum(store.remove(path) for path in sorted({*targets.paths, *late, *exchanged}))}


def _from_copies(work: Erasure, targets: Targets) -> dict[str, int]:
    found = list(copies(targets.media, work.settings))
    for path in found:
        path.unlink(missing_ok=True)
    return {"uploads and copies": len(found)}


def _from_dvc(work: Erasure, targets: Targets) -> dict[str, int]:
    objects = set(targets.objects)
    return {p.name: dvc_objects.remove_objects(p, objects) for p in dvc_objects.places(work.settings.workspace)}


def _from_workspace(work: Erasure, targets: Targets) -> dict[str, int]:
    root, needles = work.settings.workspace, needles_of(targets)
    count = sum(remove_folder(root / folder) for folder in targets.folders)
    for path in workspace_files(work.settings):
        ours = generated(path, work.settings)
        if (ours and found_in(path, needles)) or (not ours and is_medium(path, needles.digests)):
            count += remove_folder(path)
    return {"files and outputs of the workspace": count}


def _from_backups(work: Erasure, number: int, targets: Targets) -> dict[str, int]:
    """Replace snapshots, last of all: one of today must hold nothing, not even the name in the row of the erasure."""
    removed = 0
    with work.engine.begin() as connection:
        erasures.note(connection, number, replace(targets, subject=None))
    if work.backups:
        work.log("erasing from backups")
    for objects in work.backups:
        names = backup_erasure.holding(objects, needles_of(targets), _objects(work, targets))
        removed += backup_erasure.replace(work.settings, work.engine, objects, names)
    return {"snapshots of backups": removed} if work.backups else {}


def _rewritten_tables(work: Erasure, _: Targets) -> dict[str, int]:
    with work.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        rows.rewrite_tables(connection)
    return {}


STEPS: dict[str, Callable[[Erasure, Targets], dict[str, int]]] = {
    "the store": _from_store,
    "uploads and copies": _from_copies,
    "DVC's cache and remotes": _from_dvc,
    "the workspace": _from_workspace,
    "the database's files": _rewritten_tables,
}


def _counted(targets: Targets, counts: dict[str, int]) -> Targets:
    total = dict(targets.removed)
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count
    return replace(targets, removed=total)


def _content(work: Erasure, number: int, targets: Targets, found: Search) -> dict[str, object]:
    with work.engine.connect() as connection:
        head = audit.head(connection)
        versions = models.tags(connection, targets.versions)
    subject = {"salt": targets.salt, "sha256": targets.subject_digest} if targets.salt else None
    return {
        "erasure": number,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": work.by,
        "posemill": __version__,
        "subject": subject,
        "media": list(targets.media),
        "files": list(targets.files),
        "removed": targets.removed,
        "models": versions,
        "backups": [objects.url for objects in work.backups],
        "searched": found.looked_at,
        "left": 0,
        "mentions": len(found.mentions),
        "audit_head": f"{head.number}:{head.digest}",
        "key": work.key.fingerprint,
    }
