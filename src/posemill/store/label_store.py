"""Track store: one track file for each medium and labeller fingerprint, on any fsspec URL."""

from __future__ import annotations

from posemill.errors import InputError
from posemill.pose.track import MediumTracks
from posemill.store.blob_store import BlobStore
from posemill.store.track_file import medium_bytes, parse_medium


class TrackStore:
    """`put` tracks, `get` them by medium and fingerprint. A put replaces; readers see the old file or the new one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._blobs = BlobStore(url, "tracks")

    def has(self, medium: str, fingerprint: str) -> bool:
        """True if the store has tracks of that medium by that labeller."""
        return self._blobs.has(fingerprint, medium)

    def put(self, tracks: MediumTracks) -> None:
        """Store tracks under their medium and `labeller`.

        Errors: Unavailable when the store is full or away; nothing new is then under the final name.
        """
        self._blobs.put(tracks.labeller, tracks.medium, medium_bytes(tracks))

    def get(self, medium: str, fingerprint: str) -> MediumTracks:
        """Return the tracks. Errors: InputError when there are none, or the file is not readable as tracks."""
        tracks = self.find(medium, fingerprint)
        if tracks is None:
            raise InputError(f"the store {self.url} has no tracks of {medium} by {fingerprint}")
        return tracks

    def find(self, medium: str, fingerprint: str) -> MediumTracks | None:
        """Return the tracks, or None: one call of the store. Errors: InputError for a damaged file."""
        content = self._blobs.get(fingerprint, medium)
        if content is None:
            return None
        try:
            return parse_medium(content, self.location(medium, fingerprint))
        except InputError as exc:
            raise InputError(f"{exc}: remove the file, and `posemill label` puts its tracks together again") from exc

    def media(self, fingerprint: str) -> set[str]:
        """Return the digests of all media of which there are tracks by this labeller."""
        return self._blobs.names(fingerprint)

    def labellers(self) -> list[str]:
        """Return the fingerprints of all labellers of which there are tracks, in order."""
        return self._blobs.fingerprints()

    def location(self, medium: str, fingerprint: str) -> str:
        """Path of the file, as the file system of the store names it."""
        return self._blobs.location(fingerprint, medium)
