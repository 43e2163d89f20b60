"""Erasure plan: everything that an erasure would remove, without changing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from posemill.erasure import dvc_objects, rows
from posemill.erasure.check import store_files_with
from posemill.erasure.files import StoreFiles, copies, found_in, generated, is_medium, workspace_files
from posemill.erasure.models import AffectedModel, affected_models
from posemill.erasure.needles import Needles
from posemill.erasure.scope import Scope, scope_of
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.erasures import Targets
from posemill.uat.usage import scenarios_naming

_POSES = ("poses/", "tracks/")
_RESUME = "build/.resume"  # what an interrupted training would go on from


@dataclass(frozen=True)
class Plan:
    """What would be removed.

    targets   of the erasure, as they are written down before anything is removed.
    rows      of the database that name it, by table (others go with them).
    places    number of files and objects, by place.
    by_hand   files of the workspace that name it and that posemill did not make; acceptance scenarios about the media.
    copies    files of the workspace that posemill did not make, with the bytes of a medium: they go.
    backups   URLs of backups that were made and that the caller did not name.
    """

    scope: Scope
    targets: Targets
    models: tuple[AffectedModel, ...]
    rows: dict[str, int]
    places: dict[str, int]
    by_hand: tuple[Path, ...]
    copies: tuple[Path, ...]
    backups: tuple[str, ...]


def needles_of(targets: Targets) -> Needles:
    """Return what a search for erased data looks for."""
    return Needles(frozenset({*targets.media, *targets.files}), targets.subject)


def make_plan(
    settings: Settings, engine: Engine, subject: str | None, media: Sequence[str], backups: Sequence[str] = ()
) -> Plan:
    """Plan the erasure of a subject, or of media (digest, number, source or path). Nothing is changed.

    backups  URLs of the backups that are erased from too.
    Errors: InputError for an unknown subject or medium; Unavailable where a place does not answer.
    """
    with engine.connect() as connection:
        scope = scope_of(connection, subject, media)
        digests = scope.digests | _copies_known(connection, scope)
        models = affected_models(connection, settings, digests, subject)
        truths = _ground_truth(connection, scope)
        others = _other_backups(connection, backups)
    root, store = settings.workspace, StoreFiles(settings.store_url)
    listed = store.paths()
    made = [p for p in store.of(digests, listed) if p.startswith(_POSES)]
    needles = Needles(frozenset({*digests, *truths, *map(store.digest, made)}), subject)
    paths = set(store_files_with(store, listed, engine, needles)) | set(store.of(truths, listed))
    paths |= set(store.of({m.lineage for m in models if m.lineage}, listed))
    where = dvc_objects.places(root)
    objects = dvc_objects.objects_of(root, where, needles)
    outputs = [path for path, md5 in dvc_objects.current_outputs(root).items() if md5 in objects]
    folders = [*outputs, _RESUME] if outputs else []
    named = {root / file for row in scope.media for file in scenarios_naming(root, row["digest"] or "", row["source"])}
    gone, by_hand, same = _files(settings, needles, [root / folder for folder in folders])
    lists: dict[str, Any] = {
        "media": tuple(sorted(digests)),
        "files": tuple(sorted(needles.digests - digests)),
        "paths": tuple(sorted(paths)),
        "objects": tuple(sorted(objects)),
        "versions": tuple(m.version for m in models if m.share != "unknown"),
        "folders": tuple(folders),
    }
    targets = Targets(**lists) if subject is None else Targets.of_subject(subject, **lists)
    with engine.connect() as connection:
        counted: dict[str, int] = {}
        for table, _, _ in rows.rows_with(connection, needles):
            counted[table] = counted.get(table, 0) + 1
    places = {"store": len(paths), **{p.name: len(objects & set(p.objects)) for p in where}}
    places |= {"workspace": gone, "uploads and copies": sum(1 for _ in copies(digests, settings))}
    return Plan(scope, targets, tuple(models), counted, places, tuple(sorted({*by_hand, *named})), tuple(same), others)


def _files(settings: Settings, needles: Needles, outputs: Sequence[Path]) -> tuple[int, list[Path], list[Path]]:
    """How many files of the workspace go; those that stay for a person to change; those that are copies of media."""
    gone, by_hand, same = 0, [], []
    for path in workspace_files(settings):
        if any(path.is_relative_to(folder) for folder in outputs):
            gone += 1
        elif found_in(path, needles):
            if generated(path, settings):
                gone += 1
            elif is_medium(path, needles.digests):
                same.append(path)
            else:
                by_hand.append(path)
    return gone + len(same), by_hand, same


def _copies_known(connection: Connection, scope: Scope) -> set[str]:
    """Digests of media that the scope's rows are duplicates of, which are the same bytes."""
    numbers = {row["duplicate_of"] for row in scope.media if row["duplicate_of"]}
    m = schema.medium.c
    return {str(d) for d in connection.scalars(select(m.digest).where(m.id.in_(numbers))) if d}


def _ground_truth(connection: Connection, scope: Scope) -> set[str]:
    """Digests of ground-truth files of these media that no other medium has."""
    g = schema.ground_truth.c
    hers = set(connection.scalars(select(g.track_digest).where(g.medium_id.in_(scope.ids))))
    return hers - set(connection.scalars(select(g.track_digest).where(g.medium_id.not_in(scope.ids))))


def _other_backups(connection: Connection, named: Sequence[str]) -> tuple[str, ...]:
    """Backups of this database that the audit trail knows, but those that are named."""
    a = schema.audit.c
    known = connection.scalars(select(a.object).where(a.action == "backup").distinct())
    return tuple(sorted(set(known) - set(named)))
