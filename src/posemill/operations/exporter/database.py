"""Metrics of the database: chunks of the labelling ledger by state, media, quarantine, size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from posemill.errors import PosemillError
from posemill.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

STATES = ("queued", "leased", "done", "failed")
_CHUNKS = text("SELECT state, count(*), coalesce(sum(frames), 0) FROM label_job GROUP BY state")
# a medium that no worker has planned yet has no chunk: the queue is longer than its chunks say
_UNPLANNED = text("""
    SELECT count(*) FROM medium m WHERE m.kind = 'video'
    AND NOT EXISTS (SELECT FROM label_job j WHERE j.medium_id = m.id)
    AND NOT EXISTS (SELECT FROM quarantine q WHERE q.medium_id = m.id AND q.resolved_at IS NULL)
""")
_MEDIA = text("SELECT kind, count(*) FROM medium GROUP BY kind")
_QUARANTINE = text("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL")
_SIZE = text("SELECT pg_database_size(current_database())")


class DatabaseMetrics:
    """Queries at every scrape. A database that is away is `posemill_database_up 0`, not an error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    def collect(self) -> Iterator[Any]:
        """Yield families of prometheus_client."""
        from prometheus_client.core import GaugeMetricFamily
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._engine is None:
                from posemill.store.postgres import open_engine

                self._engine = open_engine(self._settings)
            with self._engine.connect() as connection:
                families = list(_families(connection))
        except (PosemillError, SQLAlchemyError):
            families = []
        yield GaugeMetricFamily("posemill_database_up", "1 if the database answers.", value=float(bool(families)))
        yield from families


def _families(connection: Connection) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    found = {state: (count, frames) for state, count, frames in connection.execute(_CHUNKS)}
    chunks = GaugeMetricFamily("posemill_label_chunks", "Chunks of pose labelling by state.", labels=["state"])
    for state in STATES:
        chunks.add_metric([state], float(found.get(state, (0, 0))[0]))
    yield chunks
    frames = float(found.get("done", (0, 0))[1])
    yield GaugeMetricFamily("posemill_label_frames", "Frames whose poses are stored.", value=frames)
    media = GaugeMetricFamily("posemill_media", "Media by kind.", labels=["kind"])
    for kind, count in connection.execute(_MEDIA):
        media.add_metric([kind], float(count))
    yield media
    for name, says, query in (
        ("posemill_label_unplanned_media", "Videos that no labelling worker has planned yet.", _UNPLANNED),
        ("posemill_quarantined", "Open entries of the quarantine.", _QUARANTINE),
        ("posemill_database_bytes", "Size of the database.", _SIZE),
    ):
        yield GaugeMetricFamily(name, says, value=float(connection.scalar(query) or 0))
