"""Promotions: the champion among model versions; every promotion, refusal and rollback is a row.

The champion is the version in stage `released`. Callers commit; versions are locked, so that two calls wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from posemill.errors import InputError, Unavailable
from posemill.store import schema
from posemill.store.versions import latest_model_version, require_kept

V, P = schema.model_version, schema.promotion


def champion(connection: Connection) -> RowMapping | None:
    """Return the newest released version, or None."""
    return latest_model_version(connection, "released")


def version_of(connection: Connection, tag: str) -> RowMapping:
    """Return the version with this bento tag, or the only one whose tag ends so. InputError lists the known ones."""
    rows = connection.execute(select(V).order_by(V.c.id.desc())).mappings().all()
    matches = [row for row in rows if row["bento_tag"] == tag] or [
        row for row in rows if tag and row["bento_tag"].split(":")[-1].startswith(tag)
    ]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(row["bento_tag"] for row in rows) or "none, run `dvc repro`"
    raise InputError(
        f"{'several versions begin' if matches else 'no model version is named'} {tag!r}; known are {known}"
    )


def promote(
    connection: Connection,
    version: RowMapping,
    reason: str,
    figures: Mapping[str, Any] | None,
    added_by: str,
    *,
    compared_with: int | None,
) -> RowMapping:
    """Release a version; the champion until then is retired. Return the row.

    compared_with  number of the champion that this decision is about; None = there was none.
    Errors: InputError for a version that was withdrawn by an erasure; Unavailable where another version was released
    since the comparison.
    """
    require_kept(version)
    before = _retire_others(connection, version["id"])
    if before != compared_with:
        raise Unavailable(
            f"{version['bento_tag']} is not promoted: another version was released while it was compared; run again"
        )
    return _row(connection, "promoted", version, before, reason, figures, added_by)


def refuse(
    connection: Connection, version: RowMapping, reason: str, figures: Mapping[str, Any] | None, added_by: str
) -> RowMapping:
    """Record a refusal; nothing else changes."""
    now = champion(connection)
    return _row(connection, "refused", version, now["id"] if now else None, reason, figures, added_by)


def roll_back(connection: Connection, reason: str, added_by: str) -> RowMapping:
    """Release the version that the champion took the place of; the champion is retired.

    Errors: InputError without a champion, where it is the first one, or where the one before was withdrawn.
    """
    now = champion(connection)
    if now is None:
        raise InputError("there is nothing to roll back: no model version is released")
    last = select(P.c.replaced_version).where(P.c.model_version_id == now["id"], P.c.action == "promoted")
    earlier = connection.scalar(last.order_by(P.c.id.desc()).limit(1))
    if earlier is None:
        raise InputError(f"{now['bento_tag']} is the first model version that was released: there is none before it")
    version = connection.execute(select(V).where(V.c.id == earlier)).mappings().one()
    require_kept(version)
    before = _retire_others(connection, version["id"])
    return _row(connection, "rolled back", version, before, reason, None, added_by)


def promotions(connection: Connection, limit: int = 50) -> list[RowMapping]:
    """Return the newest rows first, with bento_tag of the version and `before`, the tag of the champion until then."""
    other = V.alias()
    query = (
        select(P, V.c.bento_tag, other.c.bento_tag.label("before"))
        .join_from(P, V, P.c.model_version_id == V.c.id)
        .outerjoin(other, P.c.replaced_version == other.c.id)
        .order_by(P.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def _retire_others(connection: Connection, number: int) -> int | None:
    """Release this version and no other; returns the number of the one that was."""
    connection.execute(select(V.c.id).order_by(V.c.id).with_for_update())
    released = select(V.c.id).where(V.c.stage == "released", V.c.id != number).order_by(V.c.id.desc())
    before = connection.scalar(released.limit(1))
    connection.execute(update(V).where(V.c.stage == "released", V.c.id != number).values(stage="retired"))
    connection.execute(update(V).where(V.c.id == number).values(stage="released"))
    return before


def _row(
    connection: Connection,
    action: str,
    version: RowMapping,
    before: int | None,
    reason: str,
    figures: Mapping[str, Any] | None,
    added_by: str,
) -> RowMapping:
    row = {
        "model_version_id": version["id"],
        "action": action,
        "replaced_version": before,
        "reason": reason,
        "figures": dict(figures) if figures else None,
        "digests": dict(version["digests"]),
        "added_by": added_by,
    }
    return connection.execute(insert(P).values(row).returning(P)).mappings().one()
