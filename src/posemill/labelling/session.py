"""Labelling session: a labeller with its ledger and the videos that it may label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from posemill.labelling.labeller import Labeller, open_labeller
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.store.catalog import open_quarantine, videos
from posemill.store.ledger import Ledger, database
from posemill.store.postgres import open_engine


@dataclass(frozen=True, slots=True)
class LabellingSession:
    """A labeller with its ledger.

    videos       digest, fps and frames (None: not measured) of the videos that it may label, in the order they were
                 added.
    quarantined  medium to reason of the videos that were in quarantine when the session was opened.
    """

    labeller: Labeller
    ledger: Ledger
    videos: Sequence[Mapping[str, Any]]
    quarantined: Mapping[str, str]

    def select(self, wanted: set[str]) -> Sequence[Mapping[str, Any]]:
        """Return the rows of those of these videos that are not in quarantine."""
        return [row for row in self.videos if row["digest"] in wanted]

    def quarantined_now(self, stages: Sequence[str] = ()) -> dict[str, str]:
        """Return medium to reason of all media in quarantine now (by these stages; none named means all)."""
        with database(self.ledger.engine) as connection:
            return _quarantined(connection, stages)


@contextmanager
def open_session(params: LabelParams, settings: Settings, stages: Sequence[str] = ()) -> Iterator[LabellingSession]:
    """Open database, stores and pose estimator. `stages`: whose quarantine counts (none named means all)."""
    engine = open_engine(settings)
    try:
        videos, quarantined = _videos(engine, stages)
        labeller = open_labeller(params, settings)
        yield LabellingSession(labeller, Ledger(engine, labeller.pose_fingerprint), videos, quarantined)
    finally:
        engine.dispose()


def _videos(engine: Engine, stages: Sequence[str]) -> tuple[Sequence[Mapping[str, Any]], dict[str, str]]:
    with database(engine) as connection:
        known: Sequence[Mapping[str, Any]] = [dict(row) for row in videos(connection)]
        quarantined = _quarantined(connection, stages)
    digests = {row["digest"] for row in known}
    quarantined = {medium: reason for medium, reason in quarantined.items() if medium in digests}
    return [row for row in known if row["digest"] not in quarantined], quarantined


def _quarantined(connection: Connection, stages: Sequence[str]) -> dict[str, str]:
    return {r["medium"]: r["reason"] for r in open_quarantine(connection, stages) if r["entity_type"] == "medium"}
