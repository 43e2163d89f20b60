"""Cache of cut windows: what became of a shard's clips, by a digest of all that decides it, outside of DVC's outputs.

A run takes over what it cut before of shards that are as they were, byte for byte, and cuts the others. A file names
its media in clear, so that an erasure finds it.
"""

from __future__ import annotations

import json
import os
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from posemill.atomic import atomic_path
from posemill.code_digest import code_digest, import_closure
from posemill.store.kept_files import KeptFiles, shard_key

_ENDING, _BLOCK = ".cut", 1 << 20
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of a file."""

    path: Path
    offset: int
    length: int

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks. Errors: EOFError where the file is shorter."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            left = self.length
            while left:
                block = file.read(min(left, _BLOCK))
                if not block:
                    raise EOFError(f"{self.path} ends before byte {self.offset + self.length}")
                left -= len(block)
                yield block


@dataclass(frozen=True, slots=True)
class ShardCut:
    """Outcome of cutting the clips of one shard, in canonical order.

    clip     (M,) positions of those that gave windows; person, count: their main subjects, numbers of windows.
    start_s  seconds where each window begins.
    reasons  why the others gave none: by position.
    poses    (M,) numbers of poses for the search of near-duplicates; empty where they were not wanted.
    windows, shapes  where the float32 values of windows and of these poses are.
    """

    clip: Sequence[int]
    person: Sequence[int]
    count: Sequence[int]
    start_s: array[float]
    reasons: Mapping[int, str]
    poses: Sequence[int]
    windows: Range
    shapes: Range


class CutCache(KeptFiles):
    """Cuts by key, a file each; `prune` leaves those of the last run.

    folder  made when something is put there. version: what else decides the bytes, beside the code of `module`.
    """

    def __init__(self, folder: Path, module: str, version: str = "") -> None:
        super().__init__(folder)
        self._version = f"{code_digest(import_closure(module, around=False))} {version}"

    def key(self, shard: Path, *decides: Any) -> str:
        """Return the key of a shard's cut: a digest of the file, the code, and whatever else decides (as JSON)."""
        return shard_key(self._version, shard, *decides)

    def find(self, key: str) -> ShardCut | None:
        """Return what is kept under a key; None where there is nothing, or no whole file."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                head = json.loads(file.read(_LENGTH.unpack(file.read(_LENGTH.size))[0]))
                start_s = array("d")
                start_s.frombytes(file.read(8 * head["windows"]))
                at = file.tell()
            windows = Range(path, at, head["bytes"][0])
            shapes = Range(path, at + windows.length, head["bytes"][1])
            if path.stat().st_size != shapes.offset + shapes.length or len(start_s) != head["windows"]:
                return None
        except (OSError, OverflowError, MemoryError, struct.error, ValueError, KeyError):
            return None
        self.used.add(path.name)
        reasons = {int(position): reason for position, reason in head["reasons"].items()}
        return ShardCut(head["clip"], head["person"], head["count"], start_s, reasons, head["poses"], windows, shapes)

    def put(self, key: str, media: Sequence[str], cut: ShardCut) -> None:
        """Keep a cut under a key. A disk that cannot take it is no fault of the run: then nothing is kept."""
        head = {
            "media": list(media),
            "clip": list(cut.clip),
            "person": list(cut.person),
            "count": list(cut.count),
            "windows": len(cut.start_s),
            "reasons": cut.reasons,
            "poses": list(cut.poses),
            "bytes": [cut.windows.length, cut.shapes.length],
        }
        with suppress(OSError), atomic_path(self.path(key)) as part, part.open("wb") as file:
            _write(file, json.dumps(head).encode(), cut)
        self.used.add(self.path(key).name)

    def path(self, key: str) -> Path:
        """Return the file of a key, which need not be there."""
        return self.folder / f"{key}{_ENDING}"


def _write(file: BinaryIO, head: bytes, cut: ShardCut) -> None:
    file.write(_LENGTH.pack(len(head)) + head + cut.start_s.tobytes())
    for part in (cut.windows, cut.shapes):
        for block in part.blocks():
            file.write(block)
    file.flush()
    os.fsync(file.fileno())
