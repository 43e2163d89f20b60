"""Clips in the database: added in bulk, corrected without losing what was said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.postgres import copy_rows

CHANGEABLE = ("start_s", "end_s", "activity", "subject", "camera", "split")
_CLAIMS = ("activity", "subject", "camera", "split")
_STAGED = (
    "medium text, start_s float8, end_s float8, activity text, subject text, camera text, split text, "
    "annotated_by text, medium_id int8, known_id int8, old_id int8, place int8 GENERATED ALWAYS AS IDENTITY"
)


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A stretch of a medium to add. None: end_s to the end, activity not labelled, the others not known."""

    medium: str
    annotated_by: str
    start_s: float = 0.0
    end_s: float | None = None
    activity: str | None = None
    subject: str | None = None
    camera: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of added clips: new ones, known ones that learnt something, and what contradicts a known one."""

    added: int
    completed: int
    conflicts: tuple[str, ...]


def add_clip(connection: Connection, row: ClipRow) -> Outcome:
    """Add one clip; see add_clips."""
    return add_clips(connection, [row])


def add_clips(connection: Connection, rows: Sequence[ClipRow]) -> Outcome:
    """Add clips of known media. A clip is known by its medium, start and end.

    A known clip with an empty field learns it (its old row is ended). One that says otherwise stays as it is and is
    listed in `conflicts`: only `correct_clip` changes what somebody said.
    Errors: InputError when a medium was never added.
    """
    _stage(connection, rows)
    conflicts = _conflicts(connection)
    completed = _complete(connection)
    added = connection.execute(text(_INSERT + " AND i.old_id IS NULL ORDER BY i.place ON CONFLICT DO NOTHING")).rowcount
    return Outcome(added, completed, conflicts)


def _stage(connection: Connection, rows: Sequence[ClipRow]) -> None:
    """The rows in a temporary table, each with the current clip of the same stretch, if there is one."""
    connection.execute(text("DROP TABLE IF EXISTS incoming_clip"))
    connection.execute(text(f"CREATE TEMP TABLE incoming_clip ({_STAGED}) ON COMMIT DROP"))
    copy_rows(connection, "incoming_clip", (asdict(row) for row in rows))
    connection.execute(text("UPDATE incoming_clip i SET medium_id = m.id FROM medium m WHERE m.digest = i.medium"))
    absent = connection.scalar(text("SELECT min(medium) FROM incoming_clip WHERE medium_id IS NULL"))
    if absent is not None:
        raise InputError(f"no medium has digest {absent}: add it before its clips")
    connection.execute(
        text(
            "INSERT INTO subject (name, added_by) SELECT DISTINCT ON (subject) subject, annotated_by "
            "FROM incoming_clip WHERE subject IS NOT NULL ORDER BY subject ON CONFLICT DO NOTHING"
        )
    )
    connection.execute(
        text(
            "UPDATE incoming_clip i SET known_id = c.id FROM clip c WHERE c.medium_id = i.medium_id "
            "AND c.valid_to IS NULL AND c.start_s = i.start_s "
            "AND coalesce(c.end_s, 'Infinity') = coalesce(i.end_s, 'Infinity')"
        )
    )


_DIFFERS = " OR ".join(f"i.{name} <> c.{name}" for name in _CLAIMS)
_LEARNS = " OR ".join(f"(i.{name} IS NOT NULL AND c.{name} IS NULL)" for name in _CLAIMS)
_MERGED = ", ".join(f"coalesce(c.{name}, i.{name})" for name in _CLAIMS)
_INSERT = (
    f"INSERT INTO clip (medium_id, start_s, end_s, {', '.join(_CLAIMS)}, annotated_by) "
    f"SELECT i.medium_id, i.start_s, i.end_s, {_MERGED}, i.annotated_by FROM incoming_clip i "
    "LEFT JOIN clip c ON c.id = i.known_id WHERE (i.known_id IS NULL OR i.old_id IS NOT NULL)"
)


def _conflicts(connection: Connection) -> tuple[str, ...]:
    """One sentence for each known clip about which the incoming row says otherwise."""
    says = ", ".join(f"i.{name} AS new_{name}, c.{name} AS old_{name}" for name in _CLAIMS)
    found = connection.execute(
        text(
            f"SELECT c.id, i.medium, {says} FROM incoming_clip i JOIN clip c ON c.id = i.known_id WHERE {_DIFFERS} "
            "ORDER BY c.id"
        )
    ).mappings()
    return tuple(_sentence(row) for row in found)


def _sentence(row: RowMapping) -> str:
    changed = [
        f"{name} is {row['old_' + name]}, not {row['new_' + name]}"
        for name in _CLAIMS
        if None not in (row["old_" + name], row["new_" + name]) and row["old_" + name] != row["new_" + name]
    ]
    return f"clip {row['id']} of {row['medium'][:12]} is known: {', '.join(changed)} (posemill segments correct)"


def _complete(connection: Connection) -> int:
    """End the known clips that learn something and put the fuller ones in their place."""
    connection.execute(
        text(
            "UPDATE incoming_clip i SET old_id = c.id FROM clip c WHERE c.id = i.known_id "
            f"AND ({_LEARNS}) AND ({_DIFFERS}) IS NOT TRUE"
        )
    )
    done = connection.execute(
        text(
            "UPDATE clip c SET valid_to = now(), closed_by = i.annotated_by FROM incoming_clip i "
            "WHERE c.id = i.old_id AND c.valid_to IS NULL"
        )
    )
    connection.execute(text(_INSERT + " AND i.old_id IS NOT NULL ON CONFLICT DO NOTHING"))
    connection.execute(
        text(
            "UPDATE clip c SET superseded_by = n.id FROM incoming_clip i, clip n WHERE c.id = i.old_id "
            "AND n.medium_id = i.medium_id AND n.valid_to IS NULL AND n.start_s = i.start_s "
            "AND coalesce(n.end_s, 'Infinity') = coalesce(i.end_s, 'Infinity')"
        )
    )
    return int(done.rowcount)


def correct_clip(connection: Connection, clip_id: int, annotated_by: str, **changes: Any) -> int:
    """Say something else about a clip (keys: CHANGEABLE). The old row stays, ended, with who and when.

    Returns the number of the clip that now holds; the same one when nothing changes.
    Errors: InputError for an unknown or ended clip, an unknown key, or a stretch that cannot be.
    """
    unknown = set(changes) - set(CHANGEABLE)
    if unknown:
        raise InputError(f"a clip has no {', '.join(sorted(unknown))}; it has {', '.join(CHANGEABLE)}")
    old = _current(connection, clip_id)
    if all(old[name] == value for name, value in changes.items()):
        return clip_id
    row = {name: old[name] for name in ("medium_id", *CHANGEABLE)} | changes | {"annotated_by": annotated_by}
    try:
        with connection.begin_nested():  # all of it or nothing, also inside the caller's transaction
            _end(connection, clip_id, annotated_by)
            if row["subject"] is not None:
                named = {"name": row["subject"], "added_by": annotated_by}
                connection.execute(postgresql.insert(schema.subject).values(named).on_conflict_do_nothing())
            fresh = connection.scalar(insert(schema.clip).values(row).returning(schema.clip.c.id))
    except IntegrityError as exc:
        raise InputError(f"clip {clip_id} cannot become {changes}: {str(exc.orig).splitlines()[0]}") from exc
    connection.execute(update(schema.clip).where(schema.clip.c.id == clip_id).values(superseded_by=fresh))
    return int(fresh or 0)


def remove_clip(connection: Connection, clip_id: int, annotated_by: str) -> None:
    """Say that a clip is none. Its row stays, ended, with who and when."""
    _current(connection, clip_id)
    _end(connection, clip_id, annotated_by)


def _current(connection: Connection, clip_id: int) -> RowMapping:
    """The clip, locked until the transaction ends."""
    query = select(schema.clip).where(schema.clip.c.id == clip_id).with_for_update()
    found = connection.execute(query).mappings().first()
    if found is None:
        raise InputError(f"there is no clip {clip_id}: see `posemill segments list`")
    if found["valid_to"] is not None:
        after = f"clip {found['superseded_by']} took its place" if found["superseded_by"] else "it was removed"
        raise InputError(f"clip {clip_id} was ended by {found['closed_by']}: {after}")
    return found


def _end(connection: Connection, clip_id: int, annotated_by: str) -> None:
    end = {"valid_to": func.now(), "closed_by": annotated_by}
    connection.execute(update(schema.clip).where(schema.clip.c.id == clip_id).values(end))


def clips(
    connection: Connection, datasets: Sequence[str] = (), medium: str | None = None, history: bool = False
) -> list[RowMapping]:
    """Clips with their medium's digest and dataset, by id: what holds now, with `history` also what was said before.

    Columns: clip, medium, start_s, end_s, activity, subject, camera, split, dataset, source, annotated_by,
    annotated_at, valid_to, closed_by, superseded_by, medium_id.
    """
    c, m = schema.clip.c, schema.medium.c
    query = (
        select(
            c.id.label("clip"),
            m.digest.label("medium"),
            c.start_s,
            c.end_s,
            c.activity,
            c.subject,
            c.camera,
            c.split,
            m.dataset,
            m.source,
            c.annotated_by,
            c.annotated_at,
            c.valid_to,
            c.closed_by,
            c.superseded_by,
            c.medium_id,
        )
        .join_from(schema.clip, schema.medium, c.medium_id == m.id)
        .order_by(c.id)
    )
    if not history:
        query = query.where(c.valid_to.is_(None))
    if datasets:
        query = query.where(m.dataset.in_(datasets))
    if medium is not None:
        query = query.where(m.digest == medium)
    return list(connection.execute(query).mappings())
