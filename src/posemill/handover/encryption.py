"""Encrypted bundles: read as a decrypted copy, which is removed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from posemill.encryption import decrypt, is_encrypted
from posemill.errors import InputError


@contextmanager
def decrypted(path: Path, identity: Path | None) -> Iterator[Path]:
    """Yield a bundle that can be read: itself, or its decrypted copy, which is removed afterwards.

    Errors: InputError for an encrypted bundle without an identity.
    """
    if not path.is_file():
        raise InputError(f"no bundle {path}: `posemill handover {path}` writes one")
    if not is_encrypted(path):
        yield path
        return
    if identity is None:
        raise InputError(f"{path} is encrypted: name the file with your age identity, --identity FILE")
    with TemporaryDirectory(prefix="posemill-bundle-") as folder:
        plain = Path(folder) / "bundle.posemill"
        decrypt(path, plain, identity)
        yield plain
