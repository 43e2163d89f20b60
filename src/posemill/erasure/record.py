"""Deletion record: what was erased, where, by whom, and that nothing is left; signed with the project's key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.atomic import write_bytes
from posemill.errors import InputError
from posemill.handover.keys import SigningKey
from posemill.handover.verifier import ecdsa, signature
from posemill.store.media import digest_of

FORMAT = 1
RECORD, SIGNED, PUBLIC = "record.json", "record.sig", "signing-key.pub"


@dataclass(frozen=True)
class VerifiedRecord:
    """A record whose signature is good, and the fingerprint of the key."""

    record: dict[str, Any]
    fingerprint: str


def folder_of(home: Path, number: int) -> Path:
    """Return the folder of the record of an erasure."""
    return home / "erasures" / f"{number:06d}"


def write_record(folder: Path, content: Mapping[str, Any], key: SigningKey) -> str:
    """Write record, signature and public key; return the record's digest.

    The record comes last: with it, all three are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = (json.dumps({"format": FORMAT, **content}, indent=1, sort_keys=True) + "\n").encode()
    draft = folder / f"{RECORD}.part"
    write_bytes(draft, written, durable=True)
    digest = digest_of(draft)
    write_bytes(folder / PUBLIC, key.public_pem, durable=True)
    write_bytes(folder / SIGNED, key.sign("deletion record", {RECORD: digest}), durable=True)
    draft.rename(folder / RECORD)
    return digest


def verify_record(folder: Path, fingerprint: str | None = None) -> VerifiedRecord:
    """Verify the signature of a record (its folder, or its file).

    fingerprint  of the key that should have signed it; None: the key beside it, whose fingerprint is to be compared.
    Errors: InputError for a record that was changed, or signed by another key.
    """
    folder = folder if folder.is_dir() else folder.parent
    for name in (RECORD, SIGNED, PUBLIC):
        if not (folder / name).is_file():
            raise InputError(f"no deletion record in {folder}: it lacks {name}")
    public = (folder / PUBLIC).read_bytes()
    try:
        signed = signature.verify((folder / SIGNED).read_bytes(), public)
    except signature.BadSignature as exc:
        raise InputError(f"the signature of {folder / RECORD} is not good: {exc}") from exc
    if signed.digests != {RECORD: digest_of(folder / RECORD)}:
        raise InputError(f"{folder / RECORD} was changed after it was signed")
    if fingerprint is not None and signed.fingerprint != fingerprint.lower():
        raise InputError(
            f"{folder / RECORD} should be signed by the key {fingerprint}, it was signed by {ecdsa.fingerprint(public)}"
        )
    return VerifiedRecord(json.loads((folder / RECORD).read_text()), signed.fingerprint)
