"""Pose store: output of the pose network, a file for each medium, pose fingerprint and frame range, on any fsspec URL.

This is what makes labelling incremental: what is here is never computed again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

from posemill.errors import InputError
from posemill.store.blob_store import BlobStore
from posemill.store.pose_file import ChunkPoses, chunk_bytes, chunk_from, propagated_in

T = TypeVar("T")
FrameRange = tuple[int, int | None]  # first frame, and the one after the last (None: to the end)
Stretch = FrameRange  # its name in labelling
TO_END, DIGITS = "end", 8


class PoseStore:
    """Poses by medium, fingerprint and frame range: `put`, `get`, and `stretches`, which lists all."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._blobs = BlobStore(url, "poses")

    def put(self, chunk: ChunkPoses) -> None:
        """Store poses by medium, fingerprint and frame range. Errors: Unavailable; then nothing new is there."""
        name = chunk_name(chunk.medium, (chunk.start, chunk.end))
        self._blobs.put(chunk.fingerprint, name, chunk_bytes(chunk))

    def has(self, medium: str, fingerprint: str, frames: FrameRange) -> bool:
        """True if these poses are there."""
        return self._blobs.has(fingerprint, chunk_name(medium, frames))

    def get(self, medium: str, fingerprint: str, frames: FrameRange) -> ChunkPoses:
        """Return the poses. Errors: InputError when there are none, or the file is not readable as poses."""
        return self._read(medium, fingerprint, frames, chunk_from)

    def propagated(self, medium: str, fingerprint: str, frames: FrameRange) -> int:
        """Number of frames that were searched by region propagation. Errors: as `get`."""
        return self._read(medium, fingerprint, frames, propagated_in)

    def _read(self, medium: str, fingerprint: str, frames: FrameRange, read: Callable[[bytes, str], T]) -> T:
        name = chunk_name(medium, frames)
        content = self._blobs.get(fingerprint, name)
        if content is None:
            raise InputError(f"the store {self.url} has no poses {name} by {fingerprint}: run `posemill label`")
        try:
            return read(content, self._blobs.location(fingerprint, name))
        except InputError as exc:
            raise InputError(f"{exc}: remove the file, and `posemill label` does its frames again") from exc

    def stretches(self, fingerprint: str, medium: str = "") -> dict[str, list[FrameRange]]:
        """Return all frame ranges (of one medium, where it is given) by medium, in order; one listing of the store."""
        return ranges_of(self.names(fingerprint, medium))

    def names(self, fingerprint: str, medium: str = "") -> set[str]:
        """Return the names of all files (of one medium, where it is given), see chunk_name; one listing of the store.

        For a million of them: they can be compared as a set, and are parsed only where it matters.
        """
        return self._blobs.names(fingerprint, medium)


def chunk_name(medium: str, frames: FrameRange) -> str:
    """Return the name of a chunk's file: `<digest>-<first frame>-<end>`, frames with eight digits or more.

    Examples:
        >>> chunk_name("ab12", (0, 300)), chunk_name("ab12", (300, None))
        ('ab12-00000000-00000300', 'ab12-00000300-end')
    """
    start, end = frames
    return f"{medium}-{start:08d}-{TO_END if end is None else f'{end:08d}'}"


def padded(column: str) -> str:
    """Return SQL that writes a number as chunk_name does."""
    return f"lpad({column}::text, greatest({DIGITS}, length({column}::text)), '0')"


def medium_of(name: str) -> str:
    """Return the medium of a chunk's name."""
    return name.rsplit("-", 2)[0]


def ranges_of(names: Iterable[str]) -> dict[str, list[FrameRange]]:
    """Parse names of chunks: the frame ranges by medium, in order."""
    ranges: defaultdict[str, list[FrameRange]] = defaultdict(list)
    for name in names:
        digest, start, end = name.rsplit("-", 2)
        ranges[digest].append((int(start), None if end == TO_END else int(end)))
    for stretches in ranges.values():
        stretches.sort(key=lambda s: s[0])
    return dict(ranges)
