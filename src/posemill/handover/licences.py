"""Licences of everything in a bundle, and the verdict on each deliverable: what may be sold, and under which terms.

A statement of facts read from metadata, not legal advice.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from posemill.code_digest import PACKAGE
from posemill.estimation.licence import OWN, licence
from posemill.handover.packages import NETWORK, PERMISSIVE, PROPRIETARY, UNKNOWN, WEAK, Package, of_names
from posemill.handover.verifier.bills import LICENCES
from posemill.packaging.container import ROOTS, closure, locked

EDGE = ("numpy", "opencv-python-headless", "openvino", "paho-mqtt")
REPRODUCING = ("numpy", "onnxruntime", "pyarrow")
OWNER = "as the owner of the data set says"
_NOT_FOR_SALE = re.compile(r"non-?commercial|\bNC\b|research|academic", re.I)
PAGE_NOTICE = "live_page/static/licences.txt"


@dataclass(frozen=True)
class Deliverable:
    """A part of the bundle that a client may use or sell by itself.

    licence   SPDX expression of the part with what it imports.
    packages  names of the third-party packages that it needs to run.
    verdict   one or two sentences; `sold` True if nothing in it asks for its source, or forbids passing it on.
    """

    name: str
    paths: tuple[str, ...]
    licence: str
    packages: tuple[str, ...]
    sold: bool
    verdict: str


def deliverables(
    packages: Sequence[Package],
    backend: str | None,
    repository: Path,
    present: Iterable[str],
    datasets: Mapping[str, str | None],
) -> list[Deliverable]:
    """Return the deliverables of a bundle with their verdicts.

    backend   pose backend of the analysis service; present  folders that the bundle has.
    datasets  that the model was trained on, with their licences; None where nobody stated one.
    """
    pins = locked(repository)
    have = set(present)
    parts = [
        ("activity model (ONNX, OpenVINO, safetensors)", ("models/",), None, REPRODUCING),
        (
            "small service posemill-activity",
            ("bentoml/bentos/posemill-activity/",),
            None,
            closure(ROOTS["activity"], pins),
        ),
        ("edge export", ("edge/",), None, EDGE),
        ("browser export", ("browser/",), None, ()),
        (
            "analysis service posemill-analysis",
            ("bentoml/bentos/posemill-analysis/",),
            backend,
            closure(ROOTS["analysis"], pins),
        ),
        ("training and labelling: the code with its locked packages", ("code/",), backend, set(pins)),
    ]
    return [
        _judge(name, paths, licence(used), of_names(packages, needed), {} if paths == ("code/",) else datasets)
        for name, paths, used, needed in parts
        if paths[0].split("/")[0] in have
    ]


def write_licences(
    folder: Path,
    packages: Sequence[Package],
    parts: Sequence[Deliverable],
    datasets: Mapping[str, str | None],
    weights: str | None,
) -> None:
    """Write licences/: licences.json, and the texts of what is physically in the bundle.

    datasets  data set → its licence as the database has it; weights  licence of the pose network's weights.
    """
    target = folder / "licences"
    target.mkdir(exist_ok=True)
    for source, name in (
        (PACKAGE.parents[1] / "LICENSE", "Apache-2.0.txt"),
        (PACKAGE / PAGE_NOTICE, "browser-notices.txt"),
    ):
        if source.is_file():  # an installed package has no LICENSE beside it; the notices have its text too
            shutil.copy(source, target / name)
    content = {
        "files": _files(folder, parts, datasets),
        "datasets": {name: said or OWNER for name, said in datasets.items()},
        "pose_weights": weights,
        "deliverables": [asdict(part) for part in parts],
        "packages": [{"name": p.name, "version": p.version, "licence": p.licence, "class": p.kind} for p in packages],
    }
    (folder / LICENCES).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def verdict(parts: Sequence[Deliverable]) -> str:
    """Return the verdict on the whole in one sentence."""
    free = [part.name.split(" (")[0] for part in parts if part.sold]
    bound = [f"{part.name.split(':')[0].split(' (')[0]} ({part.licence})" for part in parts if not part.sold]
    said = f"may be sold under {OWN} and permissive terms: {', '.join(free) or 'nothing'}"
    return said + (f"; under further terms: {', '.join(bound)}" if bound else "")


def _judge(
    name: str, paths: tuple[str, ...], spdx: str, needed: Sequence[Package], datasets: Mapping[str, str | None]
) -> Deliverable:
    by_kind: dict[str, list[str]] = {}
    for package in needed:
        by_kind.setdefault(package.kind, []).append(package.name)
    network = by_kind.get(NETWORK, []) if "AGPL" in spdx else []
    if by_kind.get(NETWORK) and not network:
        spdx, network = f"{spdx} AND AGPL-3.0", by_kind[NETWORK]
    sentences = []
    if network:
        sentences.append(
            f"AGPL-3.0 applies, because of {', '.join(network)}: whoever passes it on, or offers it over a network, "
            "offers its source and that of changes to it"
        )
    if cuda := by_kind.get(PROPRIETARY):
        sentences.append(
            f"{len(cuda)} packages are NVIDIA's CUDA libraries under its own terms; they are not in the bundle and are "
            "installed from a package index"
        )
    if weak := by_kind.get(WEAK):
        sentences.append(f"{', '.join(weak)}: weak copyleft, changes to these packages themselves must be published")
    if strong := by_kind.get("strong copyleft"):
        sentences.append(f"{', '.join(strong)}: GPL in part, a tool that is not linked")
    if unknown := by_kind.get(UNKNOWN):
        sentences.append(f"{', '.join(unknown)}: no licence stated here (for another system)")
    limits = _data_limits(datasets)
    sentences += limits
    sold = not network and PROPRIETARY not in by_kind and not limits
    head = "may be sold, also in closed products" if sold else "may be sold under these terms only"
    if count := len(by_kind.get(PERMISSIVE, [])):
        sentences.append(f"{count} packages are permissive")
    return Deliverable(name, paths, spdx, tuple(p.name for p in needed), sold, f"{'. '.join([head, *sentences])}.")


def _data_limits(datasets: Mapping[str, str | None]) -> list[str]:
    """Sentences about training data that stand in the way of selling a model; none where all of them permit it."""
    limits = [
        f"the model was trained on {name}, whose licence nobody stated: its owner must permit the sale"
        for name, said in sorted(datasets.items())
        if not said
    ]
    limits += [
        f"the model was trained on {name} ({said}), which excludes commercial use"
        for name, said in sorted(datasets.items())
        if said and _NOT_FOR_SALE.search(said)
    ]
    return limits


def _files(folder: Path, parts: Sequence[Deliverable], datasets: Mapping[str, str | None]) -> dict[str, str]:
    """Licence by the beginning of a file's name; the longest beginning counts."""
    data = "; ".join(f"{name}: {said or OWNER}" for name, said in sorted(datasets.items())) or OWNER
    licences = {path: part.licence for part in parts for path in part.paths}
    licences |= {"bentoml/models/": OWN, "workspace/": data, "lineage/": data, "media/": data, "code/": OWN}
    licences["wheelhouse/"] = "each package's own, see packages"
    top = {p.name + ("/" if p.is_dir() else "") for p in folder.iterdir()}
    own = dict.fromkeys(top | {"documents/", "licences/", "sbom/", "verifier/", "manifest.json", "model.sig"}, OWN)
    return {**own, **{name: said for name, said in licences.items() if (folder / name.rstrip("/")).exists()}}
