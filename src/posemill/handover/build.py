"""`posemill handover`: the whole bundle, from a finished workspace to a signed archive."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from posemill.atomic import atomic_path
from posemill.encryption import encrypt
from posemill.errors import InputError, PosemillError
from posemill.estimation.registry import find_backend
from posemill.handover import bills, code, lineage, staging
from posemill.handover.archive import write_bundle
from posemill.handover.documents.operating import Handed
from posemill.handover.documents.write import write_documents
from posemill.handover.facts import ProjectFacts
from posemill.handover.keys import SigningKey
from posemill.handover.licences import Deliverable, deliverables, verdict, write_licences
from posemill.handover.packages import Package, locked_packages
from posemill.handover.registry import read_registry
from posemill.handover.verifier import signature
from posemill.handover.verifier.main import verify
from posemill.params.evaluate import EvaluateParams
from posemill.params.section import load_section
from posemill.settings import Settings
from posemill.stages.workspace import Workspace

OWN = Path(__file__).parent
MAIN = '''"""Verifies the bundle that this file is in: `python BUNDLE`, or `python BUNDLE ANOTHER_BUNDLE`."""

import sys

if sys.version_info < (3, 9):
    sys.exit("the verifier needs Python 3.9 or newer, this is " + sys.version.split()[0])

from verifier.main import main

sys.exit(main(sys.argv[1:], sys.argv[0]))
'''


@dataclass(frozen=True)
class Options:
    """Options of a bundle: contents beside the usual, and readers.

    media       data sets whose media are included, or "all"; none: keypoints only.
    licences    data set → licence, where the database does not have it.
    wheelhouse  include the locked packages.
    recipients  age recipients; none: not encrypted.
    """

    media: tuple[str, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict)
    wheelhouse: bool = False
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A top-level folder or file of the bundle: number of files and bytes."""

    name: str
    files: int
    size: int


@dataclass(frozen=True)
class Bundle:
    """A written bundle."""

    path: Path
    size: int
    parts: list[Part]
    verdict: str
    fingerprint: str
    left_out: Mapping[str, str] = field(default_factory=dict)


def hand_over(settings: Settings, out: Path, key: SigningKey, options: Options) -> Bundle:
    """Write the bundle of a finished workspace.

    Errors: InputError for a workspace that is not finished, or for code that is not committed; PosemillError for one
    whose files are not those of its last `dvc repro`. `out` is whole and verified, or not there.
    """
    inputs = Workspace(settings.workspace)
    staging.require_finished(inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".posemill-bundle-", dir=out.parent) as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        name = out.name.removesuffix(".posemill") or "bundle"
        made_at = datetime.now(UTC).replace(microsecond=0).isoformat()
        copied = _copy(inputs, settings, folder, options)
        _add_tools(folder, key)
        parts = _describe(folder, copied, key, name, made_at)
        plain = Path(temporary) / "plain"
        about = {"name": name, "made_at": made_at, "posemill": version("posemill")}
        write_bundle(folder, plain, about, lambda digests: key.sign(name, digests))
        if failed := [check for check in verify(plain, key.fingerprint) if not check.passed]:
            raise PosemillError(
                f"the bundle would not verify, so it is not written: {failed[0].name}: {failed[0].says}"
            )
        with atomic_path(out) as part:
            if options.recipients:
                encrypt(plain, part, options.recipients)
            else:
                shutil.move(plain, part)
        return Bundle(out, out.stat().st_size, _parts(folder), verdict(parts), key.fingerprint, copied.left_out)


@dataclass(frozen=True)
class _Copied:
    """Content of a folder before it is described."""

    facts: ProjectFacts
    packages: list[Package]
    lock: Path
    left_out: dict[str, str]
    media: int


def _copy(inputs: Workspace, settings: Settings, folder: Path, options: Options) -> _Copied:
    """Copy everything that the workspace has into the folder; what may be refused comes first."""
    lock = _lock(inputs)
    network = inputs.root / load_section(inputs.params, "evaluate", EvaluateParams).network
    written = code.write_code(inputs.root, folder / "code")
    tags = staging.copy_bentos(inputs, settings, folder)
    registry = read_registry(settings, tags, options.licences)
    media = staging.copy_media(inputs, settings, folder, options.media, registry.licences) if options.media else 0
    staging.copy_workspace(inputs, network, folder)
    staging.copy_models(inputs, network, folder)
    left_out = staging.write_exports(folder)
    shutil.copy(lock, folder / "requirements.lock")
    if options.wheelhouse:
        staging.write_wheelhouse(lock, folder)
    lineage.write_lineage(inputs, folder, written)
    registry.write(folder)
    facts = ProjectFacts.gather(inputs, network, registry, written, tags)
    return _Copied(facts, locked_packages(lock), lock, left_out, media)


def _describe(folder: Path, copied: _Copied, key: SigningKey, name: str, made_at: str) -> list[Deliverable]:
    """Write bills of materials, documents and licences about what is in the folder; return the deliverables."""
    facts, packages = copied.facts, copied.packages
    bills.write_sbom(folder, packages, version("posemill"))
    bills.write_ml_bom(folder, facts.model_facts(facts.digests["model"][:12]))
    backend = facts.labeller.get("backend")
    present = [part.name for part in _parts(folder)]
    licences = {name: facts.registry.licences.get(name) for name in facts.datasets}
    folders = [part.rstrip("/") for part in present]
    parts = deliverables(packages, backend, copied.lock.parent, folders, licences)
    handed = Handed(
        name=name,
        folders=present,
        deliverables=parts,
        packages=packages,
        fingerprint=key.fingerprint,
        left_out=copied.left_out,
        made_at=made_at,
        media=copied.media,
    )
    write_documents(folder, facts, handed)
    write_licences(folder, packages, parts, licences, find_backend(backend).weights_licence if backend else None)
    return parts


def _add_tools(folder: Path, key: SigningKey) -> None:
    """Add what a client runs without posemill: the verifier, the reproduction, and the public key."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(OWN / "verifier", folder / "verifier", ignore=ignored)
    (folder / "__main__.py").write_text(MAIN)
    shutil.copy(OWN / "standalone.py", folder / "reproduce.py")
    (folder / signature.PUBLIC_KEY).write_bytes(key.public_pem)


def _lock(inputs: Workspace) -> Path:
    for root in (inputs.root, OWN.parents[2]):
        if (root / "requirements.lock").is_file():
            return root / "requirements.lock"
    raise InputError(f"no {inputs.root / 'requirements.lock'}: copy it from posemill's repository into the workspace")


def _parts(folder: Path) -> list[Part]:
    parts = []
    for path in sorted(folder.iterdir()):
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        parts.append(Part(path.name + ("/" if path.is_dir() else ""), len(files), sum(p.stat().st_size for p in files)))
    return parts
