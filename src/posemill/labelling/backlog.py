"""What is not labelled yet gets labelled, one medium at a time, straight into the label store.

A medium that is in the store is finished: killing the work at any time loses at most the medium in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from posemill.errors import UnreadableMedia
from posemill.labelling.base import PoseBackend
from posemill.labelling.engine import label_medium
from posemill.labelling.fingerprint import fingerprint
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.store.media import MediaStore
from posemill.store.tracks import TrackStore, read_medium

IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Work:
    """Progress of the backlog: `frames` more were done, in the medium with this digest."""

    medium: str
    frames: int


@dataclass(frozen=True, slots=True)
class Labeller:
    """A backend with the stores that it works on."""

    backend: PoseBackend
    params: LabelParams
    media: MediaStore
    tracks: TrackStore

    @property
    def fingerprint(self) -> str:
        """Names what this labeller finds; see fingerprint.fingerprint."""
        return fingerprint(self.backend.describe(), self.params)

    def missing(self, media: Iterable[str]) -> list[str]:
        """Those that this labeller has not labelled, in the same order."""
        done = self.tracks.media(self.fingerprint)
        return [medium for medium in media if medium not in done]

    def label(self, media: Iterable[str], report: Callable[[Work], object] = lambda _: None) -> dict[str, str]:
        """Label these media into the store. Returns medium to reason for those that cannot be decoded."""
        unreadable = {}
        for medium in media:
            path = self.media.fetch(medium)
            try:
                self.tracks.put(label_medium(path, medium, self.backend, self.params, _reporter(report, medium)))
            except UnreadableMedia as exc:
                unreadable[medium] = str(exc).replace(path.name, "the file")  # in the store its name is its digest
        return unreadable

    def labelled(self, medium: str) -> MediumTracks:
        """The tracks of a medium that is in the store."""
        return self.tracks.get(medium, self.fingerprint)


def _reporter(report: Callable[[Work], object], medium: str) -> Callable[[int], None]:
    def say(frames: int) -> None:
        report(Work(medium, frames))

    return say


def imported(store: MediaStore, medium: str) -> MediumTracks:
    """Keypoints that came with the data, unchanged: the medium itself is a track file."""
    return replace(read_medium(store.fetch(medium)), medium=medium, labeller=IMPORTED)


def with_truth(
    store: MediaStore, truths: dict[str, str], labelled: Callable[[str], MediumTracks]
) -> Iterator[tuple[MediumTracks, MediumTracks]]:
    """(found, true) tracks of every medium in `truths`, which gives the digest of its track file."""
    for medium, digest in truths.items():
        yield labelled(medium), read_medium(store.fetch(digest))
