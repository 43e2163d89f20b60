"""Digests of everything in a bundle, taken in one pass: all other checks read these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .container import Damaged, Member, content_chunks, read, read_members, stored_chunks

CODE, WORKSPACE = "code/", "workspace/"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Digests:
    """Digests of a member, hex: SHA-256 of content and of stored bytes, MD5 as DVC has it, SHA-1 of its git blob."""

    sha256: str
    stored_sha256: str
    md5: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Contents:
    """The members of a bundle with their digests. `faults` are members that cannot be unpacked."""

    path: Path
    members: dict[str, Member]
    digests: dict[str, Digests]
    faults: list[str]

    @classmethod
    def of(cls, path: Path) -> Contents:
        """Read a whole bundle. Errors: Damaged for a container that is not canonical."""
        members, digests, faults = read_members(path), {}, []
        with path.open("rb") as file:
            for member in members:
                try:
                    digests[member.name] = _digest(file, member)
                except Damaged as exc:
                    faults.append(str(exc))
        return cls(path, {member.name: member for member in members}, digests, faults)

    def read(self, name: str) -> bytes:
        """Content of a member. Errors: KeyError for one that is not there."""
        return read(self.path, self.members[name])

    def json(self, name: str) -> Any:
        """Content of a JSON member."""
        return json.loads(self.read(name))

    def under(self, prefix: str) -> list[str]:
        """Names that begin with a prefix."""
        return [name for name in self.members if name.startswith(prefix)]


def _digest(file: BinaryIO, member: Member) -> Digests:
    stored, content = hashlib.sha256(), hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    blob = hashlib.sha1(b"blob %d\0" % member.size, usedforsecurity=False)
    wants_md5, wants_blob = member.name.startswith(WORKSPACE), member.name.startswith(CODE)

    def taken() -> Iterator[bytes]:
        for chunk in stored_chunks(file, member):
            stored.update(chunk)
            yield chunk

    for chunk in content_chunks(member, taken()):
        content.update(chunk)
        if wants_md5:
            md5.update(chunk)
        if wants_blob:
            blob.update(chunk)
    return Digests(
        content.hexdigest(),
        stored.hexdigest(),
        md5.hexdigest() if wants_md5 else "",
        blob.hexdigest() if wants_blob else "",
    )
