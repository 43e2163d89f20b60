"""What clients say of single answers. A disagreement becomes an item of review, whether or not its medium is here.

Saying something else of the same stretch of the same answer is a new row; the item follows what was said last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, null, select, update

from posemill.errors import InputError
from posemill.store import schema

PRIORITY = 100.0  # before everything that only looks wrong: a person says that it is
_SAME = ("upload_digest", "person", "start_s", "end_s")


def add_judgement(connection: Connection, row: Mapping[str, Any], *, added_by: str) -> int:
    """Keep a judgement (keys: columns of the table but `review_item_id`); returns its number."""
    item = _item_before(connection, row)
    if not row["is_right"]:
        item = _open_item(connection, row, item, added_by)
    number = connection.scalar(
        insert(schema.judgement)
        .values({**row, "review_item_id": item, "added_by": added_by})
        .returning(schema.judgement.c.id)
    )
    if row["is_right"] and item is not None:
        close_item(connection, item, "dismissed", {"judgement": number}, added_by)
    return int(number or 0)


def judgements(connection: Connection, *, only_wrong: bool = False, limit: int | None = None) -> list[RowMapping]:
    """Judgements, newest first: the columns of the table as they are, `judgement` for the number, and of the review
    item its `state` (null for what was right) and `medium` (digest; null where the medium is not in the database)."""
    query = _query().order_by(schema.judgement.c.id.desc()).limit(limit)
    return list(connection.execute(query.where(~schema.judgement.c.is_right) if only_wrong else query).mappings())


def judgement(connection: Connection, number: int) -> RowMapping:
    """One judgement, see judgements. Errors: InputError when there is none of that number."""
    found = connection.execute(_query().where(schema.judgement.c.id == number)).mappings().first()
    if found is None:
        raise InputError(f"there is no judgement {number}: see `posemill uat judgements`")
    return found


def close_item(connection: Connection, item: int, state: str, said: Any, annotated_by: str) -> None:
    """Close the review item of a judgement as `done` or `dismissed`, with who and when; a closed one stays as it is."""
    r = schema.review_item
    values = {"state": state, "answer": said, "answered_by": annotated_by, "answered_at": func.now()}
    connection.execute(update(r).where(r.c.id == item, r.c.state == "open").values(values))


def give_medium(connection: Connection, item: int, medium_row: int, clip: int) -> None:
    """Say which medium and clip an item speaks of, once they are known."""
    r = schema.review_item
    connection.execute(update(r).where(r.c.id == item).values(medium_id=medium_row, clip_id=clip))


def _item_before(connection: Connection, row: Mapping[str, Any]) -> int | None:
    """The item of the last judgement of the same stretch of the same answer."""
    j = schema.judgement.c
    same = [j[name].is_not_distinct_from(row.get(name)) for name in _SAME]
    query = select(j.review_item_id).where(j.receipt["id"].astext == row["receipt"].get("id"), *same)
    found: int | None = connection.scalar(query.where(j.review_item_id.is_not(None)).order_by(j.id.desc()).limit(1))
    return found


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
        again = {"state": "open", "answer": null(), "answered_by": None, "answered_at": None}
        connection.execute(update(r).where(r.c.id == item).values({**values, **again}))
        return item
    return int(connection.execute(insert(r).values({**values, "added_by": added_by}).returning(r.c.id)).scalar_one())


def _reason(row: Mapping[str, Any]) -> str:
    says = row.get("activity") or "something else"
    comment = f" ({row['comment']})" if row.get("comment") else ""
    return f"{row.get('client') or 'a client'} says {says}, not {row.get('predicted') or 'nothing'}{comment}"


def _query() -> Any:
    j, r, m = schema.judgement, schema.review_item, schema.medium
    columns = [c for c in j.c if c.name != "id"]
    joined = j.outerjoin(r, j.c.review_item_id == r.c.id).outerjoin(m, r.c.medium_id == m.c.id)
    return select(j.c.id.label("judgement"), *columns, r.c.state, m.c.digest.label("medium")).select_from(joined)
