"""Tracks of labelled media as later stages see them: with corrections applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.labelling.labeller import Labeller, imported, open_labeller
from posemill.pose.track import MediumTracks
from posemill.settings import Settings
from posemill.store.catalog import find_medium, media, open_quarantine
from posemill.store.corrections import CorrectionIndex, corrections

KEPT = 8  # media whose tracks stay in memory: items of one medium are often near each other


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled media and their tracks, with corrections applied.

    labeller     of params.yaml.
    rows         database rows of the media that have tracks, by digest, in the order they were added.
    corrections  that hold now.
    missing      number of videos that are not labelled.
    """

    labeller: Labeller
    rows: Mapping[str, RowMapping]
    corrections: CorrectionIndex
    missing: int = 0
    _kept: dict[str, MediumTracks] = field(default_factory=dict, init=False)

    @property
    def videos(self) -> list[str]:
        """Digests of those that have pictures."""
        return [digest for digest, row in self.rows.items() if row["kind"] == "video"]

    def tracks(self, medium: str) -> MediumTracks:
        """Return the tracks of one medium. Errors: InputError when it is not labelled by this labeller."""
        if medium in self._kept:
            return self._kept[medium]
        row = self.rows.get(medium)
        if row is None:
            raise InputError(
                f"medium {medium[:12]} is not labelled with the parameters of params.yaml: `posemill label`"
            )
        tracks = self.labeller.labelled(medium) if row["kind"] == "video" else imported(self.labeller.media, medium)
        while len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[medium] = self.corrections.apply(tracks)
        return self._kept[medium]

    def tracks_by(self, medium: str, labeller: str) -> MediumTracks | None:
        """Return the tracks of one medium by any labeller that has been here; None when the store has none."""
        if labeller == self.labeller.fingerprint:
            return self.tracks(medium)
        store = self.labeller.tracks
        return self.corrections.apply(store.get(medium, labeller)) if store.has(medium, labeller) else None

    def all(self, which: Sequence[str] | None = None) -> Iterator[MediumTracks]:
        """Yield the tracks of these media, all without `which`, one at a time."""
        return (self.tracks(medium) for medium in (self.rows if which is None else which))

    def path(self, medium: str) -> Path:
        """Return the file of a medium to look at: itself, or its copy with blurred faces."""
        return self.labeller.media.fetch_picture(medium)


def open_labelled(settings: Settings, connection: Connection) -> Labelled:
    """Open the media labelled with this workspace's params.yaml; those in quarantine are left out."""
    from posemill import params

    labeller = open_labeller(params.load(settings.workspace / "params.yaml").label, settings)
    quarantined = {row["medium"] for row in open_quarantine(connection) if row["entity_type"] == "medium"}
    rows = {row["digest"]: row for row in media(connection) if row["digest"] and row["digest"] not in quarantined}
    missing = set(labeller.missing([digest for digest, row in rows.items() if row["kind"] == "video"]))
    index = CorrectionIndex.of(corrections(connection), labeller.tracks)
    kept = {digest: row for digest, row in rows.items() if digest not in missing}
    return Labelled(labeller, kept, index, len(missing))


def whole_digest(connection: Connection, which: str) -> str:
    """Return the digest that begins so. Errors: InputError when there is none, or more than one."""
    return str(find_medium(connection, which)["digest"])
