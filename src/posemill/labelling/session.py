"""Labelling session: a labeller with its ledger and the videos that it may label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from posemill.labelling.labeller import Labeller, open_labeller
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.store.catalog import open_quarantine, videos
from posemill.store.ledger import Ledger, database
from posemill.store.postgres import opened_engine


@dataclass(frozen=True, slots=True)
class LabellingSession:
    """A labeller with its ledger.

    videos       digests of the videos that it may label, in the order they were added.
    quarantined  medium to reason of the videos that were in quarantine when the session was opened.
    """

    labeller: Labeller
    ledger: Ledger
    videos: Sequence[str]
    quarantined: Mapping[str, str]

    def select(self, wanted: set[str]) -> Sequence[str]:
        """Return those of these videos that are not in quarantine."""
        return [digest for digest in self.videos if digest in wanted]

    def quarantined_now(self, stages: Sequence[str] = ()) -> dict[str, str]:
        """Return medium to reason of all media in quarantine now (by these stages; none named means all)."""
        with database(self.ledger.engine) as connection:
            return _quarantined(connection, stages)


@contextmanager
def open_session(params: LabelParams, settings: Settings, stages: Sequence[str] = ()) -> Iterator[LabellingSession]:
    """Open database, stores and pose estimator. `stages`: whose quarantine counts (none named means all)."""
    with opened_engine(settings) as engine:
        videos, quarantined = _videos(engine, stages)
        labeller = open_labeller(params, settings)
        yield LabellingSession(labeller, Ledger(engine, labeller.pose_fingerprint), videos, quarantined)


def _videos(engine: Engine, stages: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
    with database(engine) as connection:
        known = videos(connection)
        quarantined = _quarantined(connection, stages)
    if not quarantined:
        return known, {}
    held = quarantined.keys() & set(known)
    return [digest for digest in known if digest not in held], {m: r for m, r in quarantined.items() if m in held}


def _quarantined(connection: Connection, stages: Sequence[str]) -> dict[str, str]:
    return {r["medium"]: r["reason"] for r in open_quarantine(connection, stages) if r["entity_type"] == "medium"}
