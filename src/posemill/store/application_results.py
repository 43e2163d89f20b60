"""Results of applications in the database: one run a medium, application and fingerprint, written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from posemill.store.schema import app_event, app_measurement, app_run, medium

BATCH = 1000  # rows a statement
NOT_STORED = ("application",)  # of an event or measurement: its run has it


def store_run(
    connection: Connection,
    digest: str,
    run: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    measurements: Sequence[Mapping[str, Any]],
) -> bool:
    """Store a run with its events and measurements; the transaction is the caller's.

    digest  of the medium.
    run     application, fingerprint, provenance, summary, frames, duration_s, people.
    Returns False where exactly this run is there already: nothing is changed then.
    """
    medium_id = select(medium.c.id).where(medium.c.digest == digest).scalar_subquery()
    made = upsert(app_run).values(medium_id=medium_id, **run).on_conflict_do_nothing().returning(app_run.c.id)
    number = connection.execute(made).scalar_one_or_none()
    if number is None:
        return False
    for table, rows in ((app_event, events), (app_measurement, measurements)):
        for start in range(0, len(rows), BATCH):
            some = [{**_columns(row), "app_run_id": number} for row in rows[start : start + BATCH]]
            connection.execute(insert(table), some)
    return True


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NOT_STORED}


def stored_runs(connection: Connection, application: str) -> set[tuple[str, str]]:
    """Return (digest of the medium, fingerprint) of the runs of an application that are there."""
    rows = connection.execute(
        select(medium.c.digest, app_run.c.fingerprint)
        .join(medium, medium.c.id == app_run.c.medium_id)
        .where(app_run.c.application == application)
    )
    return {(str(digest), str(fingerprint)) for digest, fingerprint in rows}


def application_events(
    connection: Connection, application: str, dataset: str | None = None, severity: str | None = None
) -> list[RowMapping]:
    """Return the events of every medium's newest run of an application, by medium and time."""
    newest = (
        select(app_run.c.id)
        .where(app_run.c.application == application)
        .distinct(app_run.c.medium_id)
        .order_by(app_run.c.medium_id, app_run.c.id.desc())
    )
    query = (
        select(medium.c.digest, medium.c.dataset, medium.c.source, app_run.c.provenance, *app_event.c)
        .join(app_run, app_run.c.id == app_event.c.app_run_id)
        .join(medium, medium.c.id == app_run.c.medium_id)
        .where(app_event.c.app_run_id.in_(newest))
        .order_by(medium.c.digest, app_event.c.start_s, app_event.c.id)
    )
    if dataset is not None:
        query = query.where(medium.c.dataset == dataset)
    if severity is not None:
        query = query.where(app_event.c.severity == severity)
    return list(connection.execute(query).mappings())
