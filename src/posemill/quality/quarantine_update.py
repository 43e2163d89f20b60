"""Quarantine update: the table is brought in line with what validation rejects now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.store import catalog

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

STAGE = "validate"
BY = "stage validate"


def update_quarantine(connection: Connection, rejected: pd.DataFrame) -> int:
    """Keep one open row a rejected clip or track, with all of its reasons; resolve those that pass now.

    rejected  rows of rejected.parquet. Clips and media are those of this database.
    Returns how many are new.
    """
    reasons: dict[tuple[str, int | None, str, int | None], list[str]] = {}
    for row in rejected.astype(object).where(rejected.notna(), None).itertuples(index=False):
        reasons.setdefault((row.what, row.clip, row.medium, row.person), []).append(row.reason)
    for known in catalog.open_quarantine(connection, [STAGE]):
        key = known["entity_type"], known["clip"], known["medium"], known["person"]
        if key not in reasons:
            catalog.resolve_quarantine(connection, known["id"], BY)
    return sum(
        catalog.quarantine(
            connection,
            what,
            stage=STAGE,
            reason="; ".join(why),
            added_by=BY,
            medium_row=catalog.medium_id(connection, medium),
            clip=clip,
            person=person,
        )
        for (what, clip, medium, person), why in reasons.items()
    )
