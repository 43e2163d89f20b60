"""Writing a bundle: a canonical ZIP, its manifest and its signature, from a folder of files."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from posemill.handover.verifier.container import (
    CHUNK,
    DEFLATED,
    STORED,
    Member,
    central_header,
    directory_end,
    local_header,
)
from posemill.handover.verifier.contents import MANIFEST
from posemill.handover.verifier.files import FORMAT
from posemill.handover.verifier.signature import SIGNATURE

PACKED_BELOW = 64 << 20  # larger files are stored as they are: they are media and weights, which hardly shrink
WORTH = 0.95  # of the size; what shrinks less is stored, so that it can be read without unpacking
PACKED = (".gz", ".zip", ".whl", ".mp4", ".mkv", ".webm", ".jpg", ".png", ".webp", ".gif")
Sign = Callable[[Mapping[str, str]], bytes]  # SHA-256 by name → the signature file


@dataclass
class _Writer:
    file: BinaryIO
    at: int = 0
    members: list[Member] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, path: Path) -> None:
        """Append a file; one that is large or does not shrink is stored."""
        size, executable = path.stat().st_size, os.access(path, os.X_OK)
        if size < PACKED_BELOW:
            content = path.read_bytes()
            packed = b"" if path.suffix in PACKED else _deflated(content)
            if packed and len(packed) < WORTH * size:
                self._append(name, packed, DEFLATED, content, executable)
            else:
                self._append(name, content, STORED, content, executable)
            return
        digest, crc = hashlib.sha256(), 0
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
            member = self._begin(Member(name, STORED, crc, size, size, executable, self.at))
            source.seek(0)
            while chunk := source.read(CHUNK):
                self.file.write(chunk)
        self._note(member, digest.hexdigest(), None)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Append a file that is stored."""
        self._append(name, content, STORED, content, False)

    def end(self) -> None:
        """Write the directory."""
        directory = b"".join(map(central_header, self.members))
        self.file.write(directory + directory_end(len(self.members), len(directory), self.at))

    def _append(self, name: str, stored: bytes, method: int, content: bytes, executable: bool) -> None:
        crc = zlib.crc32(content)
        member = self._begin(Member(name, method, crc, len(stored), len(content), executable, self.at))
        self.file.write(stored)
        packed = hashlib.sha256(stored).hexdigest() if method == DEFLATED else None
        self._note(member, hashlib.sha256(content).hexdigest(), packed)

    def _begin(self, member: Member) -> Member:
        self.file.write(local_header(member))
        self.members.append(member)
        self.at = member.end
        return member

    def _note(self, member: Member, sha256: str, packed: str | None) -> None:
        entry = {"name": member.name, "size": member.size, "sha256": sha256, "executable": member.executable}
        self.entries.append(entry | ({"stored_sha256": packed} if packed else {}))


def write_bundle(folder: Path, out: Path, about: Mapping[str, Any], sign: Sign) -> int:
    """Write the files of a folder as a bundle; return its size in bytes.

    about  what the manifest says besides its files: name, time, versions.
    sign   gets the SHA-256 of every file but the signature, and returns the signature file.
    """
    with out.open("wb") as file:
        writer = _Writer(file)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            writer.add(path.relative_to(folder).as_posix(), path)
        manifest = {"format": FORMAT, **about, "files": writer.entries}
        writer.add_bytes(MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
        writer.add_bytes(SIGNATURE, sign({entry["name"]: entry["sha256"] for entry in writer.entries}))
        writer.end()
        return file.tell()


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()
