"""OpenSSF model signing v1.0 with a bare key: an in-toto statement in a DSSE envelope in a Sigstore bundle, as JSON.

The signature file is canonical: it is rebuilt from its three variable parts and compared byte by byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import ecdsa

SIGNATURE, PUBLIC_KEY = "model.sig", "signing-key.pub"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


class BadSignature(Exception):
    """The signature is not one of the key's over these files; the message says why."""


@dataclass(frozen=True)
class Signed:
    """Content of a good signature: SHA-256 (hex) of every signed file, and the fingerprint of the key."""

    digests: dict[str, str]
    fingerprint: str


def pae(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def statement(name: str, digests: Mapping[str, str]) -> bytes:
    """Return the in-toto statement of files by SHA-256 (hex); everything but the signature itself is in it."""
    names = sorted(digests)
    root = hashlib.sha256(b"".join(bytes.fromhex(digests[n]) for n in names)).hexdigest()
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": [SIGNATURE],
    }
    resources = [{"name": n, "algorithm": "sha256", "digest": digests[n]} for n in names]
    content = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"serialization": serialization, "resources": resources},
    }
    return json.dumps(content, separators=(",", ":")).encode()


def envelope(payload: bytes, signature: bytes, fingerprint: str) -> bytes:
    """Return the signature file."""
    content = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return (json.dumps(content, separators=(",", ":")) + "\n").encode()


def verify(signature_file: bytes, public_key: bytes) -> Signed:
    """Verify a signature file with a public key in PEM. Errors: BadSignature."""
    try:
        key = ecdsa.parse_public_key(public_key)
        content = json.loads(signature_file)
        wrapped = content["dsseEnvelope"]
        payload = base64.b64decode(wrapped["payload"], validate=True)
        signature = base64.b64decode(wrapped["signatures"][0]["sig"], validate=True)
    except (ValueError, KeyError, TypeError, IndexError) as exc:
        raise BadSignature(f"{SIGNATURE} or {PUBLIC_KEY} is damaged: {exc}") from exc
    fingerprint = ecdsa.fingerprint(public_key)
    if envelope(payload, signature, fingerprint) != signature_file:
        raise BadSignature(f"{SIGNATURE} is not in its canonical form, or names another key than {PUBLIC_KEY}")
    if not ecdsa.verify(key, pae(payload), signature):
        raise BadSignature("the signature is not one of this key's over these files")
    return Signed(_digests(payload), fingerprint)


def _digests(payload: bytes) -> dict[str, str]:
    """SHA-256 by name of a signed statement, which is rebuilt from them and compared."""
    content: dict[str, Any] = json.loads(payload)
    resources = content["predicate"]["resources"]
    digests = {str(r["name"]): str(r["digest"]) for r in resources}
    if statement(content["subject"][0]["name"], digests) != payload:
        raise BadSignature("the signed statement is not in its canonical form")
    return digests
