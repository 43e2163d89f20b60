"""The pose store: what the network found, a file a (medium, pose fingerprint, stretch of frames), on any fsspec URL.

This is what makes labelling incremental: what is here is never computed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from posemill.errors import InputError
from posemill.store.blob_store import BlobStore
from posemill.store.pose_file import ChunkPoses, chunk_bytes, chunk_from, propagated_in

T = TypeVar("T")
Stretch = tuple[int, int | None]  # first frame, and the one after the last (None: to the end)


class PoseStore:
    """`put` and `get` the poses of stretches of media; `stretches` lists all that is there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._shelf = BlobStore(url, "poses")

    def put(self, chunk: ChunkPoses) -> None:
        """Store poses under their medium, fingerprint and stretch. Errors: Unavailable; then nothing new is there."""
        name = _name(chunk.medium, (chunk.start, chunk.end))
        self._shelf.put(chunk.fingerprint, name, chunk_bytes(chunk))

    def has(self, medium: str, fingerprint: str, stretch: Stretch) -> bool:
        """Whether these poses are there."""
        return self._shelf.has(fingerprint, _name(medium, stretch))

    def get(self, medium: str, fingerprint: str, stretch: Stretch) -> ChunkPoses:
        """The poses. Errors: InputError when there are none, or the file is not readable as poses."""
        return self._read(medium, fingerprint, stretch, chunk_from)

    def propagated(self, medium: str, fingerprint: str, stretch: Stretch) -> int:
        """Frames of which only the surroundings of people were looked at. Errors: as `get`."""
        return self._read(medium, fingerprint, stretch, propagated_in)

    def _read(self, medium: str, fingerprint: str, stretch: Stretch, read: Callable[[bytes, str], T]) -> T:
        name = _name(medium, stretch)
        content = self._shelf.get(fingerprint, name)
        if content is None:
            raise InputError(f"the store {self.url} has no poses {name} by {fingerprint}: run `posemill label`")
        try:
            return read(content, self._shelf.place(fingerprint, name))
        except InputError as exc:
            raise InputError(f"{exc}: remove the file, and `posemill label` does its frames again") from exc

    def stretches(self, fingerprint: str, medium: str = "") -> dict[str, list[Stretch]]:
        """All stretches (of one medium, where it is given) by medium, in order; one listing of the store."""
        found: defaultdict[str, list[Stretch]] = defaultdict(list)
        for name in self._shelf.names(fingerprint, medium):
            digest, start, end = name.rsplit("-", 2)
            found[digest].append((int(start), None if end == "end" else int(end)))
        for stretches in found.values():
            stretches.sort(key=lambda s: s[0])
        return dict(found)


def _name(medium: str, stretch: Stretch) -> str:
    start, end = stretch
    return f"{medium}-{start:08d}-{'end' if end is None else f'{end:08d}'}"
