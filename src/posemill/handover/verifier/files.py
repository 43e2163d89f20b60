"""Checks of signature and files: nothing changed, nothing missing, nothing added."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from .container import Damaged
from .contents import MANIFEST, Contents
from .signature import PUBLIC_KEY, SIGNATURE, BadSignature, Signed, verify

FORMAT = "posemill-bundle/1"
SHOWN = 3


@dataclass(frozen=True)
class Check:
    """The outcome of a check, in one sentence."""

    name: str
    passed: bool
    says: str


def check_signature(contents: Contents, expected: str | None) -> tuple[Check, Signed | None]:
    """Verify the signature. `expected` is the fingerprint (hex) of the key that should have signed; None = any."""
    try:
        signed = verify(contents.read(SIGNATURE), contents.read(PUBLIC_KEY))
    except KeyError as exc:
        return Check("signature", False, f"there is no {exc.args[0]} in it"), None
    except (BadSignature, Damaged) as exc:
        return Check("signature", False, str(exc)), None
    if expected is not None and not hmac.compare_digest(signed.fingerprint, expected):
        return Check("signature", False, f"signed by {signed.fingerprint}, expected {expected}"), None
    whose = "the expected key" if expected else "the key in it; compare the fingerprint with the one you were told"
    return Check("signature", True, f"good, by {whose}: {signed.fingerprint}"), signed


def check_digests(contents: Contents, signed: Signed) -> Check:
    """Compare every file with the signed digest, and its bytes in the container with the manifest."""
    faults = changed_files(contents, signed)
    said = _list(faults) if faults else f"{len(contents.digests) - 1} files have their signed SHA-256"
    return Check("digests", not faults, said)


def changed_files(contents: Contents, signed: Signed) -> list[str]:
    """Return a sentence for every file that differs from what was signed."""
    faults = list(contents.faults)
    listed = _listed(contents, signed)
    for name, digests in contents.digests.items():
        if name == SIGNATURE:
            continue
        wrong = name in signed.digests and digests.sha256 != signed.digests[name]
        entry = listed.get(name)
        if entry is not None:
            packed = entry.get("stored_sha256", entry["sha256"])
            member = contents.members[name]
            same = (entry["sha256"], entry["size"], packed) == (digests.sha256, member.size, digests.stored_sha256)
            wrong = wrong or not same or entry["executable"] != member.executable
        if wrong:
            faults.append(f"{name} was changed")
    return faults


def _listed(contents: Contents, signed: Signed) -> dict[str, dict[str, Any]]:
    """Return the manifest's entries by name; none of a manifest that was changed itself."""
    digests = contents.digests.get(MANIFEST)
    if digests is None or digests.sha256 != signed.digests.get(MANIFEST):
        return {}
    return {entry["name"]: entry for entry in contents.json(MANIFEST)["files"]}


def check_files(contents: Contents, signed: Signed) -> Check:
    """Compare the list of files with the signed one and with the manifest."""
    have = set(contents.members) - {SIGNATURE}
    manifest = contents.json(MANIFEST)
    if manifest["format"] != FORMAT:
        return Check("files", False, f"its format is {manifest['format']!r}, this verifier knows {FORMAT!r}")
    listed = {entry["name"] for entry in manifest["files"]} | {MANIFEST}
    faults = [f"{name} is missing" for name in sorted((set(signed.digests) | listed) - have)]
    faults += [f"{name} was added" for name in sorted(have - (set(signed.digests) & listed))]
    return Check("files", not faults, _list(faults) if faults else f"none of {len(have)} is missing, none was added")


def _list(faults: list[str]) -> str:
    more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return "; ".join(faults[:SHOWN]) + more
