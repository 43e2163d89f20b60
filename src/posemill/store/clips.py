"""Clips in the database: bulk insert, merge, and correction with history.

Which fields a clip has is in clip_fields.py. A known clip is never changed: a correction closes its row (`valid_to`,
`closed_by`) and inserts the one that holds from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.clip_fields import CLAIMS, CORRECTABLE, FIELDS, HISTORY, ClipFields
from posemill.store.postgres import copy_rows
from posemill.store.pseudonyms import written_subject
from posemill.text_file import one_name

_SAME_INTERVAL = "{0}.start_s = i.start_s AND coalesce({0}.end_s, 'Infinity') = coalesce(i.end_s, 'Infinity')"


@dataclass(frozen=True)
class _OfMedium:
    medium: str
    annotated_by: str


@dataclass(frozen=True)
class ClipRow(ClipFields, _OfMedium):
    """A clip to add: `medium` (digest), `annotated_by`, then the clip fields, in the order of clip_fields.py."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of adding clips: new ones, known ones that were filled in, and contradictions of known ones."""

    added: int
    completed: int
    conflicts: tuple[str, ...]


def add_clip(connection: Connection, row: ClipRow) -> Outcome:
    """Add one clip; see add_clips."""
    return add_clips(connection, [row])


def add_clips(connection: Connection, rows: Sequence[ClipRow]) -> Outcome:
    """Add clips of known media. A clip is known by its medium, start and end.

    A known clip with an empty field is filled in (its old row is closed). One that says otherwise stays as it is and is
    listed in `conflicts`: only `correct_clip` changes what somebody said.
    Errors: InputError when a medium was never added.
    """
    _stage(connection, rows)
    conflicts = _conflicts(connection)
    completed = _complete(connection)
    added = connection.execute(text(_INSERT + " AND i.old_id IS NULL ORDER BY i.place ON CONFLICT DO NOTHING")).rowcount
    return Outcome(added, completed, conflicts)


_STAGED = ", ".join(
    [
        "medium text",
        *(f"{name} {field.sql}" for name, field in FIELDS.items()),
        "annotated_by text, medium_id int8, known_id int8, old_id int8, place int8 GENERATED ALWAYS AS IDENTITY",
    ]
)


def _stage(connection: Connection, rows: Sequence[ClipRow]) -> None:
    """Copy the rows into a temporary table, each with the current clip of the same interval, if there is one."""
    connection.execute(text("DROP TABLE IF EXISTS incoming_clip"))
    connection.execute(text(f"CREATE TEMP TABLE incoming_clip ({_STAGED}) ON COMMIT DROP"))
    named = (replace(row, subject=written_subject(connection, row.subject)) for row in rows)
    copy_rows(connection, "incoming_clip", (asdict(row) for row in named))
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
            f"AND c.valid_to IS NULL AND {_SAME_INTERVAL.format('c')}"
        )
    )


_DIFFERS = " OR ".join(f"i.{name} <> c.{name}" for name in CLAIMS)
_FILLED_IN = " OR ".join(f"(i.{name} IS NOT NULL AND c.{name} IS NULL)" for name in CLAIMS)
_MERGED = ", ".join(f"coalesce(c.{name}, i.{name})" for name in CLAIMS)
_INSERT = (
    f"INSERT INTO clip (medium_id, start_s, end_s, {', '.join(CLAIMS)}, annotated_by) "
    f"SELECT i.medium_id, i.start_s, i.end_s, {_MERGED}, i.annotated_by FROM incoming_clip i "
    "LEFT JOIN clip c ON c.id = i.known_id WHERE (i.known_id IS NULL OR i.old_id IS NOT NULL)"
)


def _conflicts(connection: Connection) -> tuple[str, ...]:
    """One sentence for each known clip about which the incoming row says otherwise."""
    both = ", ".join(f"i.{name} AS new_{name}, c.{name} AS old_{name}" for name in CLAIMS)
    rows = connection.execute(
        text(
            f"SELECT c.id, i.medium, {both} FROM incoming_clip i JOIN clip c ON c.id = i.known_id WHERE {_DIFFERS} "
            "ORDER BY c.id"
        )
    ).mappings()
    return tuple(_sentence(row) for row in rows)


def _sentence(row: RowMapping) -> str:
    changed = [
        f"{name} is {row['old_' + name]}, not {row['new_' + name]}"
        for name in CLAIMS
        if None not in (row["old_" + name], row["new_" + name]) and row["old_" + name] != row["new_" + name]
    ]
    return f"clip {row['id']} of {row['medium'][:12]} is known: {', '.join(changed)} (posemill segments correct)"


def _complete(connection: Connection) -> int:
    """Close the known clips that are filled in and put the fuller ones in their place."""
    connection.execute(
        text(
            "UPDATE incoming_clip i SET old_id = c.id FROM clip c WHERE c.id = i.known_id "
            f"AND ({_FILLED_IN}) AND ({_DIFFERS}) IS NOT TRUE"
        )
    )
    closed = connection.execute(
        text(
            "UPDATE clip c SET valid_to = now(), closed_by = i.annotated_by FROM incoming_clip i "
            "WHERE c.id = i.old_id AND c.valid_to IS NULL"
        )
    )
    connection.execute(text(_INSERT + " AND i.old_id IS NOT NULL ON CONFLICT DO NOTHING"))
    connection.execute(
        text(
            "UPDATE clip c SET superseded_by = n.id FROM incoming_clip i, clip n WHERE c.id = i.old_id "
            f"AND n.medium_id = i.medium_id AND n.valid_to IS NULL AND {_SAME_INTERVAL.format('n')}"
        )
    )
    return int(closed.rowcount)


def correct_clip(connection: Connection, clip_id: int, annotated_by: str, **changes: Any) -> int:
    """Correct a clip (keys: CORRECTABLE). The old row stays, closed, with who and when.

    Returns the number of the clip that now holds; the same one when nothing changes.
    Errors: InputError for an unknown or closed clip, an unknown key, or an impossible interval.
    """
    unknown = set(changes) - set(CORRECTABLE)
    if unknown:
        raise InputError(f"a clip has no {', '.join(sorted(unknown))}; it has {', '.join(CORRECTABLE)}")
    changes |= {k: one_name(v) or None for k, v in changes.items() if k in CLAIMS and isinstance(v, str)}
    if "subject" in changes:
        changes["subject"] = written_subject(connection, changes["subject"])
    old = _current(connection, clip_id)
    if all(old[name] == value for name, value in changes.items()):
        return clip_id
    row = {name: old[name] for name in ("medium_id", *CORRECTABLE)} | changes | {"annotated_by": annotated_by}
    try:
        with connection.begin_nested():  # all of it or nothing, also inside the caller's transaction
            _close(connection, clip_id, annotated_by)
            if row["subject"] is not None:
                named = {"name": row["subject"], "added_by": annotated_by}
                connection.execute(postgresql.insert(schema.subject).values(named).on_conflict_do_nothing())
            number = connection.execute(insert(schema.clip).values(row).returning(schema.clip.c.id)).scalar_one()
    except IntegrityError as exc:
        raise InputError(f"clip {clip_id} cannot become {changes}: {str(exc.orig).splitlines()[0]}") from exc
    connection.execute(update(schema.clip).where(schema.clip.c.id == clip_id).values(superseded_by=number))
    return int(number)


def remove_clip(connection: Connection, clip_id: int, annotated_by: str) -> None:
    """Remove a clip. Its row stays, closed, with who and when."""
    _current(connection, clip_id)
    _close(connection, clip_id, annotated_by)


def _current(connection: Connection, clip_id: int) -> RowMapping:
    """The clip, locked until the transaction ends."""
    query = select(schema.clip).where(schema.clip.c.id == clip_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise InputError(f"there is no clip {clip_id}: see `posemill segments list`")
    if row["valid_to"] is not None:
        after = f"clip {row['superseded_by']} took its place" if row["superseded_by"] else "it was removed"
        raise InputError(f"clip {clip_id} was ended by {row['closed_by']}: {after}")
    return row


def _close(connection: Connection, clip_id: int, annotated_by: str) -> None:
    closed = {"valid_to": func.now(), "closed_by": annotated_by}
    connection.execute(update(schema.clip).where(schema.clip.c.id == clip_id).values(closed))


def clips(
    connection: Connection,
    datasets: Sequence[str] = (),
    medium: str | None = None,
    history: bool = False,
    numbers: Sequence[int] | None = None,
    *,
    after: int | None = None,
    limit: int | None = None,
) -> list[RowMapping]:
    """Return clips with their medium's digest and dataset, by id: current ones, with `history` also closed ones.

    after, limit  a page: at most so many, those that come after the clip of that number.
    Columns: clip, medium, the clip fields, dataset, source, annotated_by, annotated_at, valid_to, closed_by,
    superseded_by, medium_id.
    """
    c, m = schema.clip.c, schema.medium.c
    columns = [c[name] for name in (*FIELDS, "annotated_by", "annotated_at", *HISTORY, "medium_id")]
    query = (
        select(c.id.label("clip"), m.digest.label("medium"), *columns, m.dataset, m.source)
        .join_from(schema.clip, schema.medium, c.medium_id == m.id)
        .order_by(c.id)
    )
    if not history:
        query = query.where(c.valid_to.is_(None))
    if datasets:
        query = query.where(m.dataset.in_(datasets))
    if medium is not None:
        query = query.where(m.digest == medium)
    if numbers is not None:
        query = query.where(c.id.in_(numbers))
    if after is not None:
        query = query.where(c.id > after)
    return list(connection.execute(query.limit(limit)).mappings())


def get_clip(connection: Connection, number: int) -> RowMapping:
    """Return the current clip of that number, see clips. Errors: InputError when there is none, or it was closed."""
    rows = clips(connection, numbers=[number])
    if not rows:
        raise InputError(f"there is no clip {number}: see `posemill segments list`")
    return rows[0]
