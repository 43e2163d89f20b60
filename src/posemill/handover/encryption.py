"""Encryption of bundles to named recipients with age (https://age-encryption.org/v1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
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

    Errors: InputError for a file without an identity, or with none that the bundle is encrypted to.
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
    except pyrage.DecryptError as exc:
        raise InputError(f"{source} cannot be decrypted with {identity}: {exc}") from exc


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
