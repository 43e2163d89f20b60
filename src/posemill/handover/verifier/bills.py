"""Checks of the bills of materials and of the licences."""

from __future__ import annotations

import re

from .contents import Contents
from .files import Check

SBOM, ML_BOM, LICENCES, LOCK = (
    "sbom/sbom.cdx.json",
    "sbom/ml-bom.cdx.json",
    "licences/licences.json",
    "requirements.lock",
)
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")


def check_sbom(contents: Contents) -> Check:
    """Compare the SBOM with the locked packages and the ML-BOM with the models in the bundle."""
    sbom, ml_bom = contents.json(SBOM), contents.json(ML_BOM)
    faults = [f"{bom.get('bomFormat')} is no CycloneDX" for bom in (sbom, ml_bom) if bom["bomFormat"] != "CycloneDX"]
    listed = {(_name(c["name"]), c["version"]) for c in sbom["components"] if c["type"] == "library"}
    pins = locked(contents)
    faults += [f"{name} {version} is locked and not in the SBOM" for name, version in sorted(pins - listed)]
    faults += [f"{name} {version} is in the SBOM and not locked" for name, version in sorted(listed - pins)]
    models = 0
    for component in ml_bom["components"]:
        files = {p["value"] for p in component.get("properties", ()) if p["name"] == "posemill:file"}
        hashes = {h["content"] for h in component.get("hashes", ()) if h["alg"] == "SHA-256"}
        models += component["type"] == "machine-learning-model"
        for name in files:
            if name not in contents.digests or contents.digests[name].sha256 not in hashes:
                faults.append(f"{name} is not the file of the ML-BOM")
    if not models:
        faults.append("the ML-BOM names no model")
    said = f"{len(pins)} locked packages, {models} models, all as listed"
    return Check("SBOM", not faults, "; ".join(faults[:3]) if faults else said)


def check_licences(contents: Contents) -> Check:
    """Check that every file and every locked package has a licence, and every deliverable a verdict."""
    licences = contents.json(LICENCES)
    prefixes = tuple(licences["files"])
    faults = [f"{name} has no licence" for name in contents.members if not name.startswith(prefixes)]
    known = {(_name(p["name"]), p["version"]) for p in licences["packages"] if p["licence"]}
    faults += [f"package {name} {version} has no licence" for name, version in sorted(locked(contents) - known)]
    deliverables = licences["deliverables"]
    faults += [f"{d['name']} has no verdict" for d in deliverables if not d["verdict"]]
    packages = {_name(p["name"]): p for p in licences["packages"]}
    for deliverable in deliverables:
        strong = [n for n in deliverable["packages"] if packages[_name(n)]["class"] == "network copyleft"]
        if strong and "AGPL" not in deliverable["licence"]:
            faults.append(f"{deliverable['name']} needs {', '.join(strong)}, and its licence does not say so")
    if faults:
        return Check("licences", False, "; ".join(faults[:3]))
    agpl = [d["name"] for d in deliverables if "AGPL" in d["licence"]]
    said = (
        f"every file and package has one; AGPL applies to {', '.join(agpl)}" if agpl else "every file has one, no AGPL"
    )
    return Check("licences", True, said)


def locked(contents: Contents) -> set[tuple[str, str]]:
    """Return name and version of every package in requirements.lock."""
    lines = contents.read(LOCK).decode().splitlines()
    return {(_name(found[1]), found[2]) for line in lines if (found := PIN.match(line))}


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
