"""Code digests of the stages: what each one runs, for dvc.yaml to depend on.

The snapshot stage writes build/snapshot/code/<stage>.json, and every later stage depends on its file: a change of any
module that a stage can reach runs it again, a comment or another stage's code does not. See
docs/decisions/0014-the-graph-depends-on-what-decides.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from posemill.code_digest import PACKAGE, code_digest, import_closure, source_file
from posemill.params import Params
from posemill.stages.workspace import STAGES, Workspace

DIGITS = 16  # of a digest: enough to tell changes apart, short enough to read
CODED = STAGES[1:]  # the snapshot stage writes the digests and always runs
BENTOFILES = ("bentofile.yaml", "bentofile.analysis.yaml")
TRAINED = "build/train"


def write_code_digests(folder: Path, params: Params, inputs: Workspace) -> None:
    """Write `<folder>/<stage>.json`: modules, files of the package and files that parameters name, with digests."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in CODED:
        modules = stage_modules(stage, params, inputs)
        content = {
            "modules": {name: _module_digest(name) for name in sorted(modules)},
            "data": {str(p.relative_to(PACKAGE)): _file_digest(p) for p in package_data(modules)},
            "files": {str(p): _file_digest(p) for p in named_files(stage, params, inputs)},
        }
        (folder / f"{stage}.json").write_text(json.dumps(content, indent=1) + "\n")


def stage_modules(stage: str, params: Params, inputs: Workspace) -> frozenset[str]:
    """Return the posemill modules that a stage runs with these parameters.

    They are its import closure, without the networks and pose backends that were not chosen: what a register offers by
    name is imported when it is used. Packages around a module do not count (importing one does nothing), so that a
    default of another stage's parameters is not in it.
    """
    roots = [f"posemill.stages.{stage}", *(_services(inputs) if stage == "package" else ())]
    register, chosen, offered = _choice(stage, params)
    if not chosen:
        return import_closure(roots, around=False)
    stop = {register}
    return (
        import_closure(roots, stop=stop | (offered - chosen), around=False)
        | import_closure(register, stop=offered - chosen, around=False)
        | import_closure(chosen, stop=stop, around=False)
    )


def _choice(stage: str, params: Params) -> tuple[str, set[str], set[str]]:
    """(register, modules that parameters choose from it, all that it offers); nothing chosen where all may be used."""
    from posemill.estimation import registry as backends
    from posemill.models import registry as networks

    if stage == "label" and params.label.backend in backends.BACKENDS:
        factories = {name: entry.factory for name, entry in backends.BACKENDS.items()}
        label = params.label
        second = {backends.REFINEMENT} if backends.two_stages(label.backend, label.checkpoint, label.refine) else set()
        chosen = _modules([factories[label.backend]]) | second
        return backends.__name__, chosen, _modules(factories.values()) | {backends.REFINEMENT}
    trained_here = stage == "train" or params.evaluate.network == TRAINED
    if stage in ("train", "evaluate", "package") and trained_here and params.train.network in networks.NETWORKS:
        every = {**networks.NETWORKS, **networks.ENSEMBLES}
        selected = [params.train.network, *(["ensemble"] if params.train.folds > 1 else [])]
        return networks.__name__, _modules(every[name] for name in selected), _modules(every.values())
    return "", set(), set()


def _modules(addresses: Iterable[str]) -> set[str]:
    return {address.partition(":")[0] for address in addresses}


def _services(inputs: Workspace) -> list[str]:
    """Modules of the services that the workspace's bentofiles name: they are packaged."""
    import yaml

    files = [inputs.root / name for name in BENTOFILES]
    services = [yaml.safe_load(file.read_text())["service"] for file in files if file.is_file()]
    return [name for name in sorted(_modules(services)) if source_file(name) is not None]


def package_data(modules: Iterable[str]) -> list[Path]:
    """Return the files beside these modules that are no Python: weights, C++ sources, style sheets, pages.

    Those of a folder that is no package count where a module beside it, or in a package beside it, names the folder in
    a string.
    """
    folders: dict[Path, set[str]] = {}
    for name in modules:
        file = source_file(name)
        if file is not None and file.parent != PACKAGE:
            folders.setdefault(file.parent, set()).add(name)
    found = set()
    for folder in folders:
        inside = [name for other, names in folders.items() if other.is_relative_to(folder) for name in names]
        named = frozenset().union(*map(_strings, inside))
        for path in folder.iterdir():
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                found.add(path)
            elif path.is_dir() and path.name in named and not (path / "__init__.py").exists():
                found.update(p for p in path.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc"))
    return sorted(found)


def named_files(stage: str, params: Params, inputs: Workspace) -> list[Path]:
    """Return the files outside the graph that a stage's parameters name: weights to begin with, other tracks."""
    named: Mapping[str, str | None] = {
        "label": params.label.checkpoint,
        "train": params.train.pretrained,
        "evaluate": params.evaluate.robustness.second_tracks,
    }
    name = named.get(stage)
    if name is None:
        return []
    path = inputs.root / Path(name).expanduser()
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.is_file())
    beside = [path.with_suffix(".json")] if path.suffix == ".onnx" else []  # what describes a pose network
    return [p for p in (path, *beside) if p.is_file()]


@cache
def _module_digest(name: str) -> str:
    return code_digest(name)[:DIGITS]


@cache
def _strings(module: str) -> frozenset[str]:
    """All strings in a module's source."""
    import ast

    file = source_file(module)
    tree = ast.parse(file.read_bytes()) if file else ast.Module([], [])
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return frozenset(value for value in constants if isinstance(value, str))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
