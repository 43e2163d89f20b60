"""Unpacking of a bundle, or of a part of it; launchers stay executable."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .container import content_chunks, read_members, stored_chunks


def unpack(bundle: Path, folder: Path, prefixes: Iterable[str] = ("",)) -> int:
    """Unpack the files whose names begin with one of the prefixes; return their number.

    Errors: Damaged for a container that is not canonical; names that leave the folder are among these.
    """
    wanted, count = tuple(prefixes), 0
    members = read_members(bundle)
    with bundle.open("rb") as file:
        for member in members:
            if not member.name.startswith(wanted):
                continue
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                for chunk in content_chunks(member, stored_chunks(file, member)):
                    out.write(chunk)
            target.chmod(0o755 if member.executable else 0o644)
            count += 1
    return count
