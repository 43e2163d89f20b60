"""CycloneDX bills of materials: the locked packages (SBOM), and models with data and figures (ML-BOM)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from posemill.errors import InputError
from posemill.handover.packages import UNKNOWN, Package
from posemill.handover.verifier.bills import ML_BOM, SBOM

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

MODEL_FILES = {
    "models/activity.onnx": "activity network, ONNX",
    "models/activity.xml": "activity network, OpenVINO, graph",
    "models/activity.bin": "activity network, OpenVINO, weights",
    "models/network.safetensors": "activity network, trained weights",
}


def write_sbom(folder: Path, packages: Sequence[Package], version: str) -> None:
    """Write sbom/sbom.cdx.json: every locked package with version, hashes, purl and licence."""
    bom = _bom(f"posemill {version}", [(p.name, p.version) for p in packages])
    from cyclonedx.model.component import Component, ComponentType

    root = Component(name="posemill", version=version, type=ComponentType.APPLICATION, bom_ref="posemill")
    bom.metadata.component = root
    components = [_library(package) for package in packages]
    bom.components.update(components)
    used = {p.name: component for p, component in zip(packages, components, strict=True) if p.here}
    needed = {name for package in packages for name in package.needs}
    bom.register_dependency(root, [component for name, component in used.items() if name not in needed])
    for package, component in zip(packages, components, strict=True):
        bom.register_dependency(component, [used[name] for name in package.needs if name in used])
    _write(bom, folder / SBOM)


def _library(package: Package) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:pypi/{package.name}@{package.version}",
        purl=PackageURL("pypi", None, package.name, package.version),
        description=package.summary or None,
        scope=ComponentScope.REQUIRED if package.here else ComponentScope.EXCLUDED,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.hashes],
        licenses=_licences(package.licence),
    )


def write_ml_bom(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write sbom/ml-bom.cdx.json: the models in the bundle with digests, their data sets, figures and limits.

    facts  task, architecture, datasets (name → (clips, licence)), metrics (name → value), limitations (sentences).
    """
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    present = [name for name in MODEL_FILES if (folder / name).is_file()]
    bom = _bom("models", [(name, _sha256(folder / name)) for name in present])
    root = Component(name="models", version=facts["version"], type=ComponentType.APPLICATION, bom_ref="models")
    bom.metadata.component = root
    for name, (clips, licence) in sorted(facts["datasets"].items()):
        bom.components.add(
            Component(
                name=name,
                type=ComponentType.DATA,
                bom_ref=f"data-{name}",
                description=f"{clips} clips with activity labels, as keypoints",
                licenses=_licences(licence),
            )
        )
    for name in present:
        bom.components.add(
            Component(
                name=MODEL_FILES[name],
                version=facts["version"],
                type=ComponentType.MACHINE_LEARNING_MODEL,
                bom_ref=name,
                description=facts["description"],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(folder / name))],
                licenses=_licences("Apache-2.0"),
                properties=[Property(name="posemill:file", value=name)],
            )
        )
    bom.register_dependency(root, bom.components)
    path = folder / ML_BOM
    _write(bom, path)
    _add_model_card(path, facts)


def _add_model_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Add model cards, which the library does not write yet, to the models of an ML-BOM."""
    content = json.loads(path.read_text())
    card = {
        "modelParameters": {
            "task": facts["task"],
            "architectureFamily": facts["architecture"],
            "modelArchitecture": facts["network"],
            "datasets": [{"ref": f"data-{name}"} for name in sorted(facts["datasets"])],
            "inputs": [{"format": facts["input"]}],
            "outputs": [{"format": facts["output"]}],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {"type": name, "value": f"{value:.4f}", "slice": "test split", **_interval(interval)}
                for name, (value, interval) in facts["metrics"].items()
            ]
        },
        "considerations": {"technicalLimitations": list(facts["limitations"])},
    }
    for component in content["components"]:
        if component["type"] == "machine-learning-model":
            component["modelCard"] = card
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _interval(interval: tuple[float, float] | None) -> dict[str, Any]:
    if interval is None:
        return {}
    return {"confidenceInterval": {"lowerBound": f"{interval[0]:.4f}", "upperBound": f"{interval[1]:.4f}"}}


def _bom(name: str, content: Sequence[tuple[str, str]]) -> Bom:
    """An empty bill whose serial number follows from what it lists, so that equal content gives equal bytes."""
    try:
        from cyclonedx.model.bom import Bom
    except ImportError as exc:
        raise InputError("bills of materials need cyclonedx-python-lib: install posemill[handover]") from exc
    digest = hashlib.sha256(json.dumps([name, list(content)]).encode()).digest()
    return Bom(serial_number=UUID(bytes=digest[:16], version=4))


def _licences(said: str) -> list[Any]:
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model.license import DisjunctiveLicense

    if said == UNKNOWN:
        return []
    try:
        return [LicenseFactory().make_from_string(said)]
    except Exception:  # whatever its parser says of words that are no expression
        return [DisjunctiveLicense(name=said)]


def _write(bom: Bom, path: Path) -> None:
    from cyclonedx.output.json import JsonV1Dot6

    path.parent.mkdir(exist_ok=True)
    content = json.loads(JsonV1Dot6(bom).output_as_string())
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
