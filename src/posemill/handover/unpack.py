"""Unpacking of a bundle as commands do it, and digests of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from posemill.errors import InputError
from posemill.handover.verifier import unpack as verifier_unpack
from posemill.handover.verifier.container import Damaged


def unpack(bundle: Path, folder: Path, prefixes: Iterable[str] = ("",)) -> int:
    """Unpack the files whose names begin with one of the prefixes; return their number.

    Errors: InputError for a damaged bundle.
    """
    try:
        return verifier_unpack.unpack(bundle, folder, prefixes)
    except Damaged as exc:
        raise InputError(f"{bundle} is damaged: {exc}") from exc


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
