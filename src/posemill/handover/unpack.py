"""Unpacking of a bundle, or of a part of it, with digests compared on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from posemill.errors import InputError
from posemill.handover.verifier.container import Damaged, content_chunks, read_members, stored_chunks


def unpack(bundle: Path, folder: Path, prefixes: Iterable[str] = ("",)) -> int:
    """Unpack the files whose names begin with one of the prefixes; return their number.

    Errors: InputError for a damaged bundle.
    """
    wanted, count = tuple(prefixes), 0
    try:
        with bundle.open("rb") as file:
            for member in read_members(bundle):
                if not member.name.startswith(wanted):
                    continue
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as out:
                    for chunk in content_chunks(member, stored_chunks(file, member)):
                        out.write(chunk)
                target.chmod(0o755 if member.executable else 0o644)
                count += 1
    except Damaged as exc:
        raise InputError(f"{bundle} is damaged: {exc}") from exc
    return count


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
