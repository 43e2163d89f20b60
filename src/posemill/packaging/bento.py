"""Bento builds: copies a model package to BentoML's store and builds the bentos, in a subprocess.

BentoML reads BENTOML_HOME once per process and imports the service to build it; in a subprocess neither affects the
caller. The store is `<POSEMILL_HOME>/bentoml` unless BENTOML_HOME is set: bentos belong to the workspace, and a user's
own store is not written to without being asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posemill.errors import InputError, PosemillError
from posemill.packaging.digests import of_files
from posemill.packaging.network_trial import try_network

MODEL = "posemill-activity"
BENTOFILES: Mapping[str, str] = {"activity": "bentofile.yaml", "analysis": "bentofile.analysis.yaml"}
PICKLES = frozenset([".pkl", ".pickle", ".joblib", ".dill"])
QUIET = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True"}
TIMEOUT_S = 300.0
NOT_SHIPPED = frozenset(["bento.json", "result.json", "lineage.parquet"])  # the last one names people


def environment(home: Path) -> dict[str, str]:
    """Environment variables of BentoML processes of this workspace; `home` is Settings.home.

    POSEMILL_HOME is set, since a bento runs in its own folder and must find the pose backend's cache.
    """
    store = os.environ.get("BENTOML_HOME") or str(home / "bentoml")
    return {**os.environ, **QUIET, "BENTOML_HOME": store, "POSEMILL_HOME": str(home)}


def build(package: Path, workspace: Path, home: Path) -> dict[str, str]:
    """Store a model package and build its bentos; returns the tags of `model`, `activity` and `analysis`.

    package    folder with the files of build/package/; workspace has the bentofiles.
    Versions are digests of the content, so a rebuild of the same content is a no-op.
    Errors: InputError if a bentofile is missing or the package holds a pickle or a link, CheckpointError if its network
    cannot be opened and run within bounds, PosemillError with BentoML's message if the build fails.
    """
    for name in BENTOFILES.values():
        if not (workspace / name).is_file():
            raise InputError(f"no {workspace / name}: copy it from posemill's repository into the workspace")
    _require_no_pickle(package)
    _require_own_files(package)
    try_network(package)
    command = [sys.executable, "-m", "posemill.packaging.bento", str(package), str(workspace)]
    try:
        finished = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise PosemillError(f"building the bento took more than {TIMEOUT_S:.0f} s and was stopped") from exc
    if finished.returncode:
        reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PosemillError(f"building the bento failed: {reason}")
    tags: dict[str, str] = json.loads(finished.stdout.strip().splitlines()[-1])
    return tags


def _require_no_pickle(package: Path) -> None:
    """BentoML unpickles a model's `custom_objects.pkl` while it stores the model, and so runs whatever is in it."""
    pickles = sorted(p.name for p in package.glob("*") if p.suffix.lower() in PICKLES)
    if pickles:
        raise InputError(
            f"{package} holds {', '.join(pickles)}: pickles run code when they are read, and no package of posemill "
            "has one; remove it, and look at where this package came from"
        )


def _require_own_files(package: Path) -> None:
    """A link would be followed, and whatever it leads to on this machine would be in the bento and its image.

    Links to DVC's cache are taken, where it is linked to a workspace: such a file is named by its content.
    """
    for path in sorted(package.glob("*")):
        if path.is_symlink() and not _is_cached_by_dvc(path.resolve()):
            raise InputError(f"{path} is a link to another file, {path.readlink()}: put the file itself in its place")


def _is_cached_by_dvc(path: Path) -> bool:
    name = "".join(path.parts[-2:])
    return len(name) == 32 and path.is_file() and hashlib.md5(path.read_bytes()).hexdigest() == name


def stored(tags: Mapping[str, str], home: Path) -> bool:
    """True if the store has the model and both bentos. Checks files, since importing BentoML takes seconds."""
    store = Path(environment(home)["BENTOML_HOME"])
    kinds = {"model": ("models", "model.yaml"), **dict.fromkeys(BENTOFILES, ("bentos", "bento.yaml"))}
    return all((store / kinds[k][0] / tag.replace(":", "/") / kinds[k][1]).is_file() for k, tag in tags.items())


def main() -> None:
    """Store the model, build both bentos, print their tags as one line of JSON."""
    parser = argparse.ArgumentParser(description="Store a packaged model and build its bentos.")
    parser.add_argument("package", type=Path)
    parser.add_argument("workspace", type=Path)
    arguments = parser.parse_args()
    tags = {"model": _store(arguments.package)}
    for service, name in BENTOFILES.items():
        licence = _licence(service, arguments.package)
        tags[service] = _build(arguments.workspace / name, tags["model"], licence)
    print(json.dumps(tags))


def _store(package: Path) -> str:
    """Copy the package's files into the model store unless it has them; returns the tag."""
    import bentoml
    from bentoml.exceptions import NotFound

    files = sorted(p for p in package.iterdir() if p.is_file() and p.name not in NOT_SHIPPED)
    tag = f"{MODEL}:{_version(of_files({p.name: p for p in files}))}"
    try:
        bentoml.models.get(tag)
    except NotFound:
        with bentoml.models.create(tag, labels={"product": "posemill"}) as model:
            for path in files:
                shutil.copy(path, model.path_of(path.name))
    return tag


def _licence(service: str, package: Path) -> str:
    """Licence of a bento: the analysis service includes the labeller's pose backend."""
    from posemill.estimation.licence import licence

    path = package / "labeller.json"
    backend = json.loads(path.read_text()).get("backend") if path.is_file() and service == "analysis" else None
    return licence(backend)


def _build(bentofile: Path, model: str, licence: str) -> str:
    """Build a bento with exactly this model unless the store has it; returns the tag."""
    import bentoml
    import yaml
    from bentoml.exceptions import NotFound

    sources = Path(__file__).resolve().parents[2]
    config = yaml.safe_load(bentofile.read_text())
    config["models"] = [{**entry, "tag": model} for entry in config["models"]]
    config["labels"] = {**config.get("labels", {}), "licence": licence.replace(" ", "-")}
    config["description"] = f"{config['description']}\n\nLicence: {licence}."
    code = of_files({str(p.relative_to(sources)): p for p in _included(sources, config)})
    version = _version({"config": json.dumps(config, sort_keys=True), **code})
    tag = f"{config['name']}:{version}"
    try:
        bentoml.bentos.get(tag)
    except NotFound:
        with tempfile.TemporaryDirectory(prefix="posemill-bentofile-") as folder:
            pinned = Path(folder) / "bentofile.yaml"
            pinned.write_text(yaml.safe_dump(config))
            bentoml.bentos.build_bentofile(str(pinned), version=version, build_ctx=str(sources))
    return tag


def _included(sources: Path, config: Mapping[str, Any]) -> list[Path]:
    """Files that BentoML copies for these `include` and `exclude` patterns."""
    files: set[Path] = set()
    for pattern in config["include"]:
        files.update(sources.glob(f"{pattern}**/*" if pattern.endswith("/") else pattern))
    excluded = tuple(str(sources / pattern) for pattern in config.get("exclude", ()))
    return sorted(p for p in files if p.is_file() and "__pycache__" not in p.parts and not str(p).startswith(excluded))


def _version(content: Mapping[str, str | None]) -> str:
    return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
