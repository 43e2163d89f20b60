"""Prediction log of the services: one row an answer, without pixels and keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select
from sqlalchemy.dialects.postgresql import insert

from posemill.store.schema import prediction_log

BATCH = 500  # rows a statement
ADDED_BY = "service"


def record_predictions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows: bento_tag, endpoint, provenance, client, activity, confidence, latency_ms, prediction, added_at.

    A row with an `entry` (a UUID) that is there already changes nothing: whoever lost the acknowledgement of a commit
    may write the same rows again.

    prediction  the summary of the answer's windows, see serving/prediction_log.py.
    """
    for start in range(0, len(rows), BATCH):
        some = [{**row, "added_by": ADDED_BY} for row in rows[start : start + BATCH]]
        connection.execute(insert(prediction_log).on_conflict_do_nothing(index_elements=["entry"]), some)


def predictions(connection: Connection, since: datetime, bento_tag: str | None = None) -> list[RowMapping]:
    """Return rows from a moment on, oldest first; of one bento, or of all."""
    p = prediction_log.c
    query = (
        select(
            p.added_at,
            p.bento_tag,
            p.endpoint,
            p.provenance,
            p.client,
            p.activity,
            p.confidence,
            p.latency_ms,
            p.prediction,
        )
        .where(p.added_at >= since)
        .order_by(p.added_at, p.id)
    )
    if bento_tag is not None:
        query = query.where(p.bento_tag == bento_tag)
    return list(connection.execute(query).mappings())


def forget_predictions(connection: Connection, before: datetime) -> int:
    """Delete the rows before a moment; return their number."""
    return int(connection.execute(delete(prediction_log).where(prediction_log.c.added_at < before)).rowcount)
