"""`python BUNDLE`: verify a bundle with nothing but Python's standard library."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import ecdsa
from .bills import check_licences, check_sbom
from .container import Damaged
from .contents import Contents
from .files import Check, check_digests, check_files, check_signature
from .lineage import check_lineage
from .unpack import unpack

AGE = b"age-encryption.org/"


def verify(path: Path, fingerprint: str | None = None) -> list[Check]:
    """Run all checks of a bundle; those that need an unchanged one only where it is.

    fingerprint  of the key that should have signed, hex; None = any key.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(AGE)) == AGE:
                return [Check("container", False, "it is encrypted: decrypt it first (`age -d -i KEY`, or --identity)")]
        contents = Contents.of(path)
    except (Damaged, OSError) as exc:
        return [Check("container", False, str(exc))]
    checks = [Check("container", True, f"{len(contents.members)} files in {path.stat().st_size / 1e6:.1f} MB")]
    signature, signed = check_signature(contents, fingerprint)
    checks.append(signature)
    if signed is None:
        return checks
    checks += [_run("digests", lambda: check_digests(contents, signed))]
    checks += [_run("files", lambda: check_files(contents, signed))]
    if all(check.passed for check in checks):
        for name, check in (("SBOM", check_sbom), ("licences", check_licences), ("lineage", check_lineage)):
            checks.append(_run(name, lambda check=check: check(contents)))  # type: ignore[misc]
    return checks


def _run(name: str, check: Callable[[], Check]) -> Check:
    """Run a check; content that it cannot read is a fault of the bundle, not of the verifier."""
    try:
        return check()
    except (Damaged, KeyError, ValueError, TypeError, AttributeError, IndexError) as exc:
        return Check(name, False, f"it cannot be read: {type(exc).__name__}: {exc}")


def report(checks: Sequence[Check], as_json: bool = False) -> str:
    """Return a line a check, or JSON."""
    if as_json:
        passed = all(check.passed for check in checks)
        return json.dumps({"passed": passed, "checks": [vars(check) for check in checks]}, indent=1)
    width = max(len(check.name) for check in checks)
    return "\n".join(f"{'ok  ' if c.passed else 'FAIL'}  {c.name.ljust(width)}  {c.says}" for c in checks)


def main(arguments: Sequence[str], own: str) -> int:
    """Verify the bundle that is named, or the one that this file is in. Exit code 0 if every check passed, else 1."""
    parser = argparse.ArgumentParser(prog="python BUNDLE", description="Verify a bundle: nothing but Python is needed.")
    parser.add_argument("bundle", nargs="?", default=own, help="default: the bundle that this verifier is in")
    parser.add_argument("--key", type=Path, help="public key (PEM) that should have signed it")
    parser.add_argument("--fingerprint", help="fingerprint of that key instead: 64 hexadecimal digits")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument(
        "--unpack", type=Path, metavar="FOLDER", help="unpack it into a new folder if every check passed"
    )
    given = parser.parse_args(arguments)
    if given.unpack and given.unpack.exists():
        parser.error(f"--unpack: {given.unpack} is there already: name a new folder")
    fingerprint = ecdsa.fingerprint(given.key.read_bytes()) if given.key else given.fingerprint
    checks = verify(Path(given.bundle), fingerprint and fingerprint.lower())
    print(report(checks, given.as_json))
    passed = all(check.passed for check in checks)
    if passed and given.unpack:
        unpack(Path(given.bundle), given.unpack)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.argv[0]))
