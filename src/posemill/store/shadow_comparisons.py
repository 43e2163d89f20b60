"""Comparisons of a challenger with a released model on live requests: one row a stretch of some seconds, in sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from posemill.store.schema import shadow_comparison

ADDED_BY = "service"


def record_comparison(connection: Connection, row: Mapping[str, Any]) -> None:
    """Append a row: champion, challenger, since, until, answers, windows, dropped, failed, comparison.

    comparison  lists, see serving/shadow/tally.py.
    """
    connection.execute(insert(shadow_comparison).values(**row, added_by=ADDED_BY))


def comparisons(
    connection: Connection, since: datetime, champion: str | None = None, challenger: str | None = None
) -> list[RowMapping]:
    """Return rows that end after a moment, oldest first; of one champion, of one challenger, or of all."""
    s = shadow_comparison.c
    query = (
        select(s.champion, s.challenger, s.since, s.until, s.answers, s.windows, s.dropped, s.failed, s.comparison)
        .where(s.until >= since)
        .order_by(s.until, s.id)
    )
    if champion is not None:
        query = query.where(s.champion == champion)
    if challenger is not None:
        query = query.where(s.challenger == challenger)
    return list(connection.execute(query).mappings())
