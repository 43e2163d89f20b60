"""Signing keys of bundles: ECDSA P-256 in PEM files, readable by their owner only, and their fingerprints.

Keys lie in the workspace's home, `<home>/keys`, beside the embedded database's password and outside of git. Their
private half never enters a bundle.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.handover.verifier import ecdsa, signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FOLDER, FILE = "keys", "handover.pem"


@dataclass(frozen=True)
class SigningKey:
    """A private key that was read: its public half in PEM, and the fingerprint of that."""

    private: EllipticCurvePrivateKey
    public_pem: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key in PEM, hex, as OpenSSF model signing names keys."""
        return ecdsa.fingerprint(self.public_pem)

    def sign(self, name: str, digests: Mapping[str, str]) -> bytes:
        """Return the signature file over these files: SHA-256 (hex) by name."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        payload = signature.statement(name, digests)
        signed = self.private.sign(signature.pae(payload), ECDSA(SHA256()))
        return signature.envelope(payload, signed, self.fingerprint)


def default_path(home: Path) -> Path:
    """Return the file of a workspace's signing key."""
    return home / FOLDER / FILE


def generate_key(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Make a key pair: the private half in `path` (mode 600), the public half beside it with the ending .pub.

    Errors: InputError if the file is there already: a key that is overwritten cannot be got back.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if path.exists():
        raise InputError(f"{path} is there already: name another file, or remove it if no bundle was signed with it")
    private = ec.generate_private_key(ec.SECP256R1())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    key = SigningKey(private, _public_pem(private))
    path.with_suffix(".pub").write_bytes(key.public_pem)
    return key


def load_key(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Read a private key. Errors: InputError for a file that is no ECDSA P-256 key, or a wrong passphrase."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if not path.is_file():
        raise InputError(f"no key {path}: `posemill keys generate --out {path}` makes one")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except (ValueError, TypeError) as exc:
        raise InputError(f"{path} cannot be read as a private key in PEM with this passphrase: {exc}") from exc
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise InputError(f"{path} should be a key of the elliptic curve P-256: `posemill keys generate` makes one")
    return SigningKey(private, _public_pem(private))


def own_key(home: Path) -> SigningKey:
    """Return the workspace's own key, made on first use.

    Errors: InputError for one with a passphrase: nobody is there to be asked.
    """
    path = default_path(home)
    if not path.exists():
        return generate_key(path)
    if is_protected(path):
        raise InputError(f"{path} has a passphrase, and nobody is here to type it: sign with a key without one")
    return load_key(path)


def is_protected(path: Path) -> bool:
    """True if a passphrase is needed to read the key."""
    return path.is_file() and b"ENCRYPTED" in path.read_bytes()[:64]


def _public_pem(private: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
