"""Pose store: output of the pose network, a file for each medium, pose fingerprint and frame range, on any fsspec URL.

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
FrameRange = tuple[int, int | None]  # first frame, and the one after the last (None: to the end)
Stretch = FrameRange  # its name in labelling


class PoseStore:
    """Poses by medium, fingerprint and frame range: `put`, `get`, and `stretches`, which lists all."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._blobs = BlobStore(url, "poses")

    def put(self, chunk: ChunkPoses) -> None:
        """Store poses by medium, fingerprint and frame range. Errors: Unavailable; then nothing new is there."""
        name = _name(chunk.medium, (chunk.start, chunk.end))
        self._blobs.put(chunk.fingerprint, name, chunk_bytes(chunk))

    def has(self, medium: str, fingerprint: str, frames: FrameRange) -> bool:
        """True if these poses are there."""
        return self._blobs.has(fingerprint, _name(medium, frames))

    def get(self, medium: str, fingerprint: str, frames: FrameRange) -> ChunkPoses:
        """Return the poses. Errors: InputError when there are none, or the file is not readable as poses."""
        return self._read(medium, fingerprint, frames, chunk_from)

    def propagated(self, medium: str, fingerprint: str, frames: FrameRange) -> int:
        """Number of frames that were searched by region propagation. Errors: as `get`."""
        return self._read(medium, fingerprint, frames, propagated_in)

    def _read(self, medium: str, fingerprint: str, frames: FrameRange, read: Callable[[bytes, str], T]) -> T:
        name = _name(medium, frames)
        content = self._blobs.get(fingerprint, name)
        if content is None:
            raise InputError(f"the store {self.url} has no poses {name} by {fingerprint}: run `posemill label`")
        try:
            return read(content, self._blobs.location(fingerprint, name))
        except InputError as exc:
            raise InputError(f"{exc}: remove the file, and `posemill label` does its frames again") from exc

    def stretches(self, fingerprint: str, medium: str = "") -> dict[str, list[FrameRange]]:
        """Return all frame ranges (of one medium, where it is given) by medium, in order; one listing of the store."""
        ranges: defaultdict[str, list[FrameRange]] = defaultdict(list)
        for name in self._blobs.names(fingerprint, medium):
            digest, start, end = name.rsplit("-", 2)
            ranges[digest].append((int(start), None if end == "end" else int(end)))
        for stretches in ranges.values():
            stretches.sort(key=lambda s: s[0])
        return dict(ranges)


def _name(medium: str, frames: FrameRange) -> str:
    start, end = frames
    return f"{medium}-{start:08d}-{'end' if end is None else f'{end:08d}'}"
