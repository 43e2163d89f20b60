"""Locked packages with their licences, from requirements.lock and the metadata of what is installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

# classes of licences, from the least to the most that they ask of whoever passes a program on
PERMISSIVE, WEAK, STRONG, NETWORK, PROPRIETARY, UNKNOWN = (
    "permissive",
    "weak copyleft",
    "strong copyleft",
    "network copyleft",
    "proprietary",
    "not stated",
)
_AGPL = re.compile(r"AGPL|Affero", re.I)
_GPL = re.compile(r"GPL|GNU General Public", re.I)
_WEAK = re.compile(r"LGPL|Lesser|MPL|Mozilla|EPL|Eclipse|linking exception|GCC-exception", re.I)
_PROPRIETARY = re.compile(r"propriet|NVIDIA|CUDA", re.I)
_PERMISSIVE = re.compile(
    r"Apache|MIT|BSD|ISC|PSF|Python Software|Zope|ZPL|zlib|Unlicense|Public Domain|CC0|HPND|CNRI|Artistic|Boost|BSL-1",
    re.I,
)
# said by a package's metadata in other words than its licence file, or not at all; read in the files themselves
KNOWN = {
    "ezc3d": "MIT",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "python-dateutil": "BSD-3-Clause OR Apache-2.0",
}
_SAID = "License :: "


@dataclass(frozen=True)
class Package:
    """A locked package.

    licence  SPDX expression or the package's own words.
    kind     one of the classes above.
    hashes   SHA-256 of its files in a package index.
    needs    names of the locked packages that it depends on.
    here     False for one that the lock names for another system or Python only.
    """

    name: str
    version: str
    licence: str
    kind: str
    hashes: tuple[str, ...]
    summary: str = ""
    needs: tuple[str, ...] = ()
    here: bool = True


def locked_packages(lock: Path) -> list[Package]:
    """Return the packages of requirements.lock, sorted by name; some are in it in two versions, for two Pythons.

    One that is not installed here has the licence "not stated".
    """
    installed = {_canonical(d.metadata["Name"]): d for d in distributions() if d.metadata["Name"]}
    blocks = [block for block in re.split(r"\n(?=\S)", lock.read_text().strip()) if "==" in block.splitlines()[0]]
    pins = [Requirement(block.splitlines()[0].rstrip("\\ ")) for block in blocks]
    names = {_canonical(pin.name) for pin in pins}
    return sorted(
        (
            _package(pin, block, installed.get(_canonical(pin.name)), names)
            for pin, block in zip(pins, blocks, strict=True)
        ),
        key=lambda package: (package.name, package.version),
    )


def _package(pin: Requirement, block: str, found: Distribution | None, names: set[str]) -> Package:
    name, version = _canonical(pin.name), str(pin.specifier).removeprefix("==")
    licence = KNOWN.get(name) or (stated_licence(found) if found else UNKNOWN)
    here = pin.marker is None or pin.marker.evaluate()
    return Package(
        name,
        version,
        licence,
        licence_class(licence),
        tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)),
        _field(found, "Summary") if found else "",
        tuple(sorted(_needs(found) & names)) if found and here else (),
        here,
    )


def _needs(found: Distribution) -> set[str]:
    """Names that a package depends on here, without extras."""
    needed = map(Requirement, found.requires or ())
    return {_canonical(r.name) for r in needed if r.marker is None or _applies(r.marker)}


def _applies(marker: Marker) -> bool:
    return marker.evaluate({"extra": ""})


def stated_licence(found: Distribution) -> str:
    """Return what a package's metadata say: the SPDX expression, else a short licence field, else classifiers."""
    if expression := _field(found, "License-Expression"):
        return expression
    said = _field(found, "License").strip()
    classified = [c.split(" :: ")[-1] for c in found.metadata.get_all("Classifier") or () if c.startswith(_SAID)]
    classified = [c for c in classified if c not in ("OSI Approved", "DFSG approved", "Other/Proprietary License")]
    if said and said != "UNKNOWN" and "\n" not in said and len(said) <= 80:
        return said
    return " AND ".join(classified) or (said.splitlines()[0][:80] if said else UNKNOWN)


def _field(found: Distribution, name: str) -> str:
    return str(found.metadata[name]) if name in found.metadata else ""


def licence_class(licence: str) -> str:
    """Return the class of a licence; of alternatives (OR) the mildest, of conjunctions (AND) the strictest.

    Examples:
        >>> licence_class("Apache-2.0"), licence_class("GNU AGPLv3"), licence_class("MPL-2.0 AND MIT")
        ('permissive', 'network copyleft', 'weak copyleft')
        >>> licence_class("EPL-2.0 OR GPL-2.0-or-later"), licence_class("GPLv2 with linking exception")
        ('weak copyleft', 'weak copyleft')
    """
    order = (PERMISSIVE, WEAK, STRONG, NETWORK, PROPRIETARY, UNKNOWN)
    if " OR " in licence or " | " in licence:
        return min((licence_class(part) for part in re.split(r" OR | \| ", licence)), key=order.index)
    if " AND " in licence:
        return max((licence_class(part) for part in licence.split(" AND ")), key=order.index)
    for pattern, kind in (
        (_AGPL, NETWORK),
        (_WEAK, WEAK),
        (_GPL, STRONG),
        (_PROPRIETARY, PROPRIETARY),
        (_PERMISSIVE, PERMISSIVE),
    ):
        if pattern.search(licence):
            return kind
    return UNKNOWN


def of_names(packages: Iterable[Package], names: Iterable[str]) -> list[Package]:
    """Return the packages with these names."""
    wanted = {_canonical(name) for name in names}
    return [package for package in packages if package.name in wanted]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
