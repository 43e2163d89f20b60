"""Feedback of clients on single answers. A disagreement becomes a review item, whether or not its medium is here.

Feedback on the same interval of the same answer is a new row each time; the item follows the newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, null, select, update

from posemill.errors import InputError
from posemill.store import schema

PRIORITY = 100.0  # before everything that only looks wrong: a person says that it is
_SAME = ("upload_digest", "person", "start_s", "end_s")


def add_feedback(connection: Connection, row: Mapping[str, Any], *, added_by: str) -> int:
    """Insert feedback (keys: columns of the table but `review_item_id`); return its number."""
    item = _previous_item(connection, row)
    if not row["is_right"]:
        item = _open_item(connection, row, item, added_by)
    number = connection.execute(
        insert(schema.feedback)
        .values({**row, "review_item_id": item, "added_by": added_by})
        .returning(schema.feedback.c.id)
    ).scalar_one()
    if row["is_right"] and item is not None:
        close_item(connection, item, "dismissed", {"feedback": number}, added_by)
    return int(number)


def list_feedback(connection: Connection, *, only_wrong: bool = False, limit: int | None = None) -> list[RowMapping]:
    """Return feedback, newest first.

    The columns of the table, `feedback` for the number, and of the review item its `state` (null for what was right)
    and `medium` (digest; null where the medium is not in the database).
    """
    query = _query().order_by(schema.feedback.c.id.desc()).limit(limit)
    return list(connection.execute(query.where(~schema.feedback.c.is_right) if only_wrong else query).mappings())


def get_feedback(connection: Connection, number: int) -> RowMapping:
    """Return one row of `list_feedback`. Errors: InputError when there is none of that number."""
    row = connection.execute(_query().where(schema.feedback.c.id == number)).mappings().first()
    if row is None:
        raise InputError(f"there is no feedback {number}: see `posemill uat feedback`")
    return row


def close_item(connection: Connection, item: int, state: str, answer: Any, annotated_by: str) -> None:
    """Close the review item of feedback as `done` or `dismissed`, with who and when; a closed one stays as it is."""
    r = schema.review_item
    values = {"state": state, "answer": answer, "answered_by": annotated_by, "answered_at": func.now()}
    connection.execute(update(r).where(r.c.id == item, r.c.state == "open").values(values))


def attach_medium(connection: Connection, item: int, medium_row: int, clip: int) -> None:
    """Set the medium and clip of a review item, once they are known."""
    r = schema.review_item
    connection.execute(update(r).where(r.c.id == item).values(medium_id=medium_row, clip_id=clip))


def _previous_item(connection: Connection, row: Mapping[str, Any]) -> int | None:
    """The item of the last feedback on the same interval of the same answer."""
    f = schema.feedback.c
    same = [f[name].is_not_distinct_from(row.get(name)) for name in _SAME]
    query = select(f.review_item_id).where(f.provenance["id"].astext == row["provenance"].get("id"), *same)
    item: int | None = connection.scalar(query.where(f.review_item_id.is_not(None)).order_by(f.id.desc()).limit(1))
    return item


def _open_item(connection: Connection, row: Mapping[str, Any], item: int | None, added_by: str) -> int:
    """The item of a disagreement, opened again where it was there."""
    r, m = schema.review_item, schema.medium.c
    values = {
        "medium_id": connection.scalar(select(m.id).where(m.digest == row.get("upload_digest"))),
        "person": row.get("person"),
        "start_s": row.get("start_s"),
        "end_s": row.get("end_s"),
        "reason": _reason(row),
        "priority": PRIORITY,
    }
    if item is not None:
        reopened = {"state": "open", "answer": null(), "answered_by": None, "answered_at": None}
        connection.execute(update(r).where(r.c.id == item).values({**values, **reopened}))
        return item
    return int(connection.execute(insert(r).values({**values, "added_by": added_by}).returning(r.c.id)).scalar_one())


def _reason(row: Mapping[str, Any]) -> str:
    says = row.get("activity") or "something else"
    comment = f" ({row['comment']})" if row.get("comment") else ""
    return f"{row.get('client') or 'a client'} says {says}, not {row.get('predicted') or 'nothing'}{comment}"


def _query() -> Select[Any]:
    f, r, m = schema.feedback, schema.review_item, schema.medium
    columns = [c for c in f.c if c.name != "id"]
    joined = f.outerjoin(r, f.c.review_item_id == r.c.id).outerjoin(m, r.c.medium_id == m.c.id)
    return select(f.c.id.label("feedback"), *columns, r.c.state, m.c.digest.label("medium")).select_from(joined)
