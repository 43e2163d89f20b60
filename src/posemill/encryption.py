"""Encryption of files to named recipients with age (https://age-encryption.org/v1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posemill.errors import InputError

MARK = b"age-encryption.org/"


def is_encrypted(path: Path) -> bool:
    """True for a file that age encrypted."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def encrypt(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file so that each of the recipients (age1…, or ssh-ed25519 …) can decrypt it alone.

    Errors: InputError for a recipient that is none.
    """
    pyrage = _pyrage()
    keys = [_recipient(pyrage, text) for text in recipients]
    pyrage.encrypt_file(str(source), str(target), keys)


def decrypt(source: Path, target: Path, identity: Path) -> None:
    """Decrypt a file with the identities of a file (AGE-SECRET-KEY-1…, a line each).

    Errors: InputError for a file without an identity, or with none that the file is encrypted to.
    """
    pyrage = _pyrage()
    try:
        lines = identity.read_text().splitlines()
        keys = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.startswith("AGE-SECRET-KEY-")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as exc:
        raise InputError(f"{identity} cannot be read as a file of age identities: {exc}") from exc
    if not keys:
        raise InputError(f"{identity} has no line AGE-SECRET-KEY-1…: `age-keygen -o {identity}` makes one")
    try:
        pyrage.decrypt_file(str(source), str(target), keys)
    except (pyrage.DecryptError, OSError) as exc:
        target.unlink(missing_ok=True)  # what was written before a damaged part is not to be trusted
        if isinstance(exc, OSError) and exc.errno is not None:  # of the disk; age's own errors have no number
            raise
        raise InputError(f"{source} cannot be decrypted with {identity}: {exc}") from exc


def _recipient(pyrage: Any, text: str) -> Any:
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError as exc:
        raise InputError(f"a recipient is age1… or ssh-ed25519 …, came as {text!r}: {exc}") from exc


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError as exc:
        raise InputError("encryption needs the package pyrage: install posemill[handover]") from exc
    return pyrage
