"""Everything a labelling run needs, opened: the labeller, its ledger and the media it may work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from posemill.labelling.labeller import Labeller, open_labeller
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.store.catalog import media, open_quarantine
from posemill.store.ledger import Ledger, database
from posemill.store.postgres import open_engine


@dataclass(frozen=True, slots=True)
class LabellingSession:
    """A labeller at its ledger.

    videos  digest, fps and frames (None: not measured) of the videos that it may label, in the order they were added.
    aside   medium to reason of the videos that were in quarantine when it was opened.
    """

    labeller: Labeller
    ledger: Ledger
    videos: Sequence[Mapping[str, Any]]
    aside: Mapping[str, str]

    def only(self, wanted: set[str]) -> Sequence[Mapping[str, Any]]:
        """The rows of those of these videos that are not in quarantine."""
        return [row for row in self.videos if row["digest"] in wanted]

    def set_aside(self, stages: Sequence[str] = ()) -> dict[str, str]:
        """Medium to reason of all media that are in quarantine now (by these stages; none named means all)."""
        with database(self.ledger.engine) as connection:
            return _aside(connection, stages)


@contextmanager
def open_session(params: LabelParams, settings: Settings, stages: Sequence[str] = ()) -> Iterator[LabellingSession]:
    """Open database, stores and backend. `stages`: whose quarantine counts (none named means everybody's)."""
    engine = open_engine(settings)
    try:
        videos, aside = _videos(engine, stages)
        labeller = open_labeller(params, settings)
        yield LabellingSession(labeller, Ledger(engine, labeller.pose_fingerprint), videos, aside)
    finally:
        engine.dispose()


def _videos(engine: Engine, stages: Sequence[str]) -> tuple[Sequence[Mapping[str, Any]], dict[str, str]]:
    with database(engine) as connection:
        known = [
            {"digest": row["digest"], "fps": row["fps"], "frames": row["frames"]}
            for row in media(connection)
            if row["kind"] == "video" and row["digest"]
        ]
        aside = _aside(connection, stages)
    digests = {row["digest"] for row in known}
    aside = {medium: reason for medium, reason in aside.items() if medium in digests}
    return [row for row in known if row["digest"] not in aside], aside


def _aside(connection: Connection, stages: Sequence[str]) -> dict[str, str]:
    return {r["medium"]: r["reason"] for r in open_quarantine(connection, stages) if r["entity_type"] == "medium"}
