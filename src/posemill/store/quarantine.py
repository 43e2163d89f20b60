"""Quarantine: media, clips, tracks and windows set aside, with stage and reason; one open row for each and stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.media_rows import fill_digest, medium_id


def quarantine(
    connection: Connection,
    entity_type: str,
    *,
    stage: str,
    reason: str,
    added_by: str,
    medium_row: int | None = None,
    clip: int | None = None,
    person: int | None = None,
) -> bool:
    """Put a medium, clip, track or window into quarantine; return True if it was not there. Nothing is deleted."""
    row = {
        "entity_type": entity_type,
        "medium_id": medium_row,
        "clip_id": clip,
        "person": person,
        "stage": stage,
        "reason": reason,
        "added_by": added_by,
    }
    return connection.execute(insert(schema.quarantine).values(row).on_conflict_do_nothing()).rowcount == 1


def quarantine_medium(connection: Connection, medium: str, *, stage: str, reason: str, added_by: str) -> bool:
    """Put a medium into quarantine by its digest; return True if it was not there."""
    row = medium_id(connection, medium)
    return quarantine(connection, "medium", stage=stage, reason=reason, added_by=added_by, medium_row=row)


def open_quarantine(connection: Connection, stages: Sequence[str] = ()) -> list[RowMapping]:
    """Return open entries (of these stages; none named means all), with the medium's digest and source."""
    q, m = schema.quarantine.c, schema.medium.c
    query = (
        select(
            q.id,
            q.entity_type,
            q.medium_id,
            m.digest.label("medium"),
            m.source,
            m.uri,
            q.clip_id.label("clip"),
            q.person,
            q.stage,
            q.reason,
            q.added_at,
            q.added_by,
        )
        .join_from(schema.quarantine, schema.medium, q.medium_id == m.id, isouter=True)
        .where(q.resolved_at.is_(None))
        .order_by(q.id)
    )
    if stages:
        query = query.where(q.stage.in_(stages))
    return list(connection.execute(query).mappings())


def resolve_quarantine(connection: Connection, row_id: int, resolved_by: str) -> None:
    """Close an entry: the stage that made it looks at the medium, clip, track or window again.

    Errors: InputError when no open row has that number.
    """
    q = schema.quarantine
    done = connection.execute(
        update(q)
        .where(q.c.id == row_id, q.c.resolved_at.is_(None))
        .values(resolved_at=func.now(), resolved_by=resolved_by)
    )
    if done.rowcount != 1:
        raise InputError(f"nothing open in quarantine has number {row_id}: see `posemill quarantine list`")


def released(connection: Connection, stage: str, datasets: Sequence[str] = ()) -> list[RowMapping]:
    """Return the closed entries of a stage about media, oldest first: `number` and `medium`."""
    q, m = schema.quarantine.c, schema.medium.c
    query = (
        select(q.id.label("number"), m.digest.label("medium"))
        .join_from(schema.quarantine, schema.medium, q.medium_id == m.id)
        .where(q.stage == stage, q.entity_type == "medium", q.resolved_at.is_not(None))
        .order_by(q.id)
    )
    if datasets:
        query = query.where(m.dataset.in_(datasets))
    return list(connection.execute(query).mappings())


def release_readable(connection: Connection, digests: Mapping[str, str], annotated_by: str) -> None:
    """Close the entries of media whose file could not be read and that arrived now. digests: by address."""
    q, m = schema.quarantine, schema.medium
    rows = connection.execute(
        select(q.c.id, m.c.id.label("row"), m.c.uri)
        .join_from(q, m, q.c.medium_id == m.c.id)
        .where(m.c.uri.in_(digests), m.c.digest.is_(None), q.c.resolved_at.is_(None))
    ).all()
    for number, row, uri in rows:
        fill_digest(connection, row, digests[uri])
        resolve_quarantine(connection, number, annotated_by)
