"""Known vulnerabilities of the locked packages, by advisories in OSV's format from a file: nothing is asked online.

    python tools/advisories.py requirements.lock all.zip

`all.zip` is OSV's export of the ecosystem PyPI (https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip),
fetched on any machine; a folder of JSON files or one JSON file does as well. `--accepted FILE` names advisories that
were looked at: `ID YYYY-MM-DD reason` a line; after that day one counts again. Exits with 1 where one is affected.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from posemill.errors import InputError
from posemill.handover.packages import locked_packages

ECOSYSTEM = "PyPI"


@dataclass(frozen=True, slots=True)
class Affected:
    """A locked package that an advisory names."""

    package: str
    version: str
    advisory: str
    aliases: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]

    def sentence(self) -> str:
        """Return package, advisory and what mends it."""
        names = ", ".join((self.advisory, *self.aliases))
        cure = f"fixed in {', '.join(self.fixed)}" if self.fixed else "no fixed version is named"
        return f"{self.package} {self.version}: {names}: {self.summary} ({cure})"


def read_advisories(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the advisories of an OSV archive, folder or file. Errors: InputError where it is none of them."""
    if not path.exists():
        raise InputError(f"there is no {path}: fetch OSV's export of {ECOSYSTEM} (all.zip), see this file's beginning")
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                yield json.loads(file.read_bytes())
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.endswith(".json"):
                        yield json.loads(archive.read(name))
        else:
            content = json.loads(path.read_bytes())
            yield from content if isinstance(content, list) else [content]
    except (ValueError, zipfile.BadZipFile) as exc:
        raise InputError(f"{path} is no file of advisories in OSV's format: {exc}") from exc


def affected(packages: Iterable[tuple[str, str]], advisories: Iterable[Mapping[str, Any]]) -> list[Affected]:
    """Return the packages (name, version) that an advisory names, by package; withdrawn advisories do not count."""
    versions: dict[str, set[str]] = defaultdict(set)
    for name, version in packages:
        versions[canonicalize_name(name)].add(version)
    found = []
    for advisory in advisories:
        if advisory.get("withdrawn"):
            continue
        for entry in advisory.get("affected", ()):
            package = entry.get("package", {})
            name = canonicalize_name(str(package.get("name", "")))
            if package.get("ecosystem") != ECOSYSTEM or name not in versions:
                continue
            found += [_affected(name, v, advisory, entry) for v in versions[name] if is_affected(v, entry)]
    return sorted(dict.fromkeys(found), key=lambda a: (a.package, a.version, a.advisory))


def _affected(name: str, version: str, advisory: Mapping[str, Any], entry: Mapping[str, Any]) -> Affected:
    events = [event for each in entry.get("ranges", ()) for event in each.get("events", ())]
    fixed = tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event))
    summary = str(advisory.get("summary") or advisory.get("details", ""))[:120].replace("\n", " ")
    return Affected(name, version, str(advisory.get("id")), tuple(advisory.get("aliases", ())), summary, fixed)


def is_affected(version: str, entry: Mapping[str, Any]) -> bool:
    """Return whether a version is listed, or in one of the ranges, of an entry of `affected`.

    >>> is_affected("1.4", {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}]})
    True
    """
    if version in entry.get("versions", ()):
        return True
    ranges = (each for each in entry.get("ranges", ()) if each.get("type") == "ECOSYSTEM")
    return any(_within(_version(version), each.get("events", ())) for each in ranges)


def _within(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """Whether the last event at or before a version lets it in."""
    inside = False
    for event in sorted(events, key=lambda event: _version(next(iter(event.values())))):
        at = _version(next(iter(event.values())))
        if "introduced" in event:
            inside |= version >= at
        elif "fixed" in event:
            inside &= version < at
        elif "last_affected" in event:
            inside &= version <= at
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")  # "0" is OSV's word for the beginning; others are older than any version of PyPI now


def accepted(path: Path | None, today: date) -> dict[str, str]:
    """Return the advisories that were looked at, with the reason. Errors: InputError for a line of another form."""
    reasons = {}
    for number, line in enumerate(path.read_text().splitlines() if path else (), 1):
        words = line.split(maxsplit=2)
        if not words or line.startswith("#"):
            continue
        try:
            name, until, reason = words[0], date.fromisoformat(words[1]), words[2]
        except (IndexError, ValueError) as exc:
            raise InputError(f"{path}, line {number}: expected `ID YYYY-MM-DD reason`, came {line!r}") from exc
        if until >= today:
            reasons[name] = reason
    return reasons


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Check locked packages against advisories in OSV's format, offline.")
    parser.add_argument("lock", type=Path)
    parser.add_argument("advisories", type=Path)
    parser.add_argument("--accepted", type=Path, default=None)
    chosen = parser.parse_args(arguments)
    try:
        packages = [(package.name, package.version) for package in locked_packages(chosen.lock)]
        advisories = list(read_advisories(chosen.advisories))
        passed = accepted(chosen.accepted, datetime.now(UTC).date())
        found = affected(packages, advisories)
    except InputError as exc:
        print(exc, file=sys.stderr)
        return 2
    newest = max((str(advisory.get("modified", "")) for advisory in advisories), default="")[:10]
    open_ones = [each for each in found if not passed.keys() & {each.advisory, *each.aliases}]
    for each in open_ones:
        print(each.sentence())
    print(
        f"{len(packages)} packages, {len(advisories)} advisories (newest of {newest or 'no date'}): "
        f"{len(open_ones)} that affect them, {len(found) - len(open_ones)} accepted",
        file=sys.stderr,
    )
    return 1 if open_ones or not advisories else 0


if __name__ == "__main__":
    sys.exit(main())
