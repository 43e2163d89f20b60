"""Rows of the database that go with erased media, and digests in what stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Table, Text, bindparam, cast, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from posemill.erasure.needles import DIGITS, Needles
from posemill.errors import Unavailable
from posemill.store import schema
from posemill.store.inventory import forget_changed

ERASED = "erased"
_STREAMED = {"yield_per": 2000}
# the audit trail holds no content and nothing is ever erased from it; an erasure is known by its digests
_KEPT = ("audit", "audit_head", "erasure")
_TOUCHED = (
    "medium",
    "clip",
    "subject",
    "ground_truth",
    "label_job",
    "quarantine",
    "review_item",
    "keypoint_correction",
    "feedback",
    "prediction_log",
    "app_run",
    "app_event",
    "app_measurement",
    "inventory_part",
    "inventory_change",
)
_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{12,64}(?![0-9a-f])")


def require_idle(connection: Connection, media: Collection[int]) -> None:
    """Lock the media's jobs. Errors: Unavailable while a worker labels one of them: it would write poses afterwards."""
    j = schema.label_job.c
    rows = connection.execute(select(j.leased_by, j.state).where(j.medium_id.in_(media)).with_for_update()).all()
    leased = select(j.leased_by).where(j.medium_id.in_(media), j.state == "leased", j.leased_until > func.now())
    if rows and (holder := connection.scalar(leased.limit(1))) is not None:
        raise Unavailable(f"one of the media is being labelled by {holder}: wait until it has finished, then repeat")


def delete_rows(
    connection: Connection,
    subject: str | None,
    media: Collection[int],
    digests: Collection[str],
    strays: Collection[int],
) -> dict[str, int]:
    """Delete every row of these media and of the subject; return how many by table.

    strays  clips in media of others that named the subject before they were corrected.
    """
    q, r, f = schema.quarantine.c, schema.review_item.c, schema.feedback.c
    clips = set(connection.scalars(select(schema.clip.c.id).where(schema.clip.c.medium_id.in_(media)))) | set(strays)
    items = set(connection.scalars(select(r.id).where(or_(r.medium_id.in_(media), r.clip_id.in_(clips)))))
    connection.execute(update(schema.clip).where(schema.clip.c.superseded_by.in_(clips)).values(superseded_by=None))
    connection.execute(
        update(schema.feedback)
        .where(f.review_item_id.in_(items), or_(f.upload_digest.is_(None), f.upload_digest.not_in(digests)))
        .values(review_item_id=None)
    )
    conditions: list[tuple[Table, Any]] = [
        (schema.feedback, f.upload_digest.in_(digests)),
        (schema.prediction_log, schema.prediction_log.c.input_digest.in_(digests)),
        (schema.quarantine, or_(q.medium_id.in_(media), q.clip_id.in_(clips))),
        (schema.review_item, r.id.in_(items)),
        *(
            (table, table.c.medium_id.in_(media))
            for table in (schema.keypoint_correction, schema.label_job, schema.ground_truth, schema.app_run)
        ),
        (schema.clip, schema.clip.c.id.in_(clips)),
        (schema.medium, schema.medium.c.id.in_(media)),
    ]
    if subject is not None:
        conditions.append((schema.subject, schema.subject.c.name == subject))
    removed = {table.name: int(connection.execute(delete(table).where(where)).rowcount) for table, where in conditions}
    forget_changed(connection)
    return {name: count for name, count in removed.items() if count}


def rows_with(connection: Connection, needles: Needles) -> Iterator[tuple[str, Any, str]]:
    """Yield table, key and content of every row that has a digest, or names the subject where subjects stand."""
    for table in schema.metadata.sorted_tables:
        if table.name in _KEPT:
            continue
        key = next(iter(table.primary_key.columns))
        query = select(key, cast(func.to_jsonb(text(f'"{table.name}"')), Text)).select_from(table)
        for number, content in connection.execute(query, execution_options=_STREAMED):
            if needles.in_text(content) or (table.name == "subject" and number == needles.subject):
                yield table.name, number, content


def redact(connection: Connection, needles: Needles) -> int:
    """Put `erased` for digests in text and JSON of rows that stay, such as verdicts; return how many rows."""
    found = [(table, number) for table, number, _ in rows_with(connection, needles)]
    for name, number in found:
        table = schema.metadata.tables[name]
        key = next(iter(table.primary_key.columns))
        columns = [c for c in table.columns if isinstance(c.type, Text | JSONB) and not c.primary_key]
        row = connection.execute(select(*columns).where(key == number)).mappings().one()
        changed = {c.name: _redacted(row[c.name], needles) for c in columns}
        changed = {name: value for name, value in changed.items() if value != row[name]}
        if changed:
            values = {column: bindparam(f"new_{column}", type_=table.c[column].type) for column in changed}
            connection.execute(
                update(table).where(key == number).values(values), {f"new_{k}": v for k, v in changed.items()}
            )
    return len(found)


def rewrite_tables(connection: Connection) -> None:
    """Rewrite the tables that lost rows, so that their files no longer have them. Outside of a transaction."""
    for name in _TOUCHED:
        connection.execute(text(f'VACUUM (FULL, ANALYZE) "{name}"'))


def _redacted(value: Any, needles: Needles) -> Any:
    if isinstance(value, str):
        beginnings = {digest[:DIGITS] for digest in needles.digests}
        return _HEX.sub(lambda run: ERASED if run[0][:DIGITS] in beginnings else run[0], value)
    if isinstance(value, dict):
        return {
            _redacted(k, needles): ERASED if k == "subject" and v == needles.subject else _redacted(v, needles)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_redacted(v, needles) for v in value]
    return value
