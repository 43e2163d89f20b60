"""Files of a bundle, from a finished workspace into an empty folder; pixels only where they are asked for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from posemill.errors import InputError, PosemillError
from posemill.handover.lineage import read_clips
from posemill.settings import Settings
from posemill.stages.workspace import STAGES, Workspace

FILES = ("params.yaml", "dvc.yaml", "dvc.lock", "bentofile.yaml", "bentofile.analysis.yaml")
CACHES = shutil.ignore_patterns("__pycache__", "*.pyc", ".DS_Store")
SCENARIOS = (".yaml", ".yml", ".json")  # of acceptance/, where the videos of scenarios may lie beside them
WEIGHTS = ("network.safetensors", "network.json")
FROM_SOURCE = ("openpifpaf-vita==",)  # its sdist is built against torch, by the settings of pyproject.toml
NOT_MODEL = ("result.json", "lineage.parquet", "bento.json")  # of build/package: they are about it, not part of it


def require_finished(inputs: Workspace) -> None:
    """Check that the workspace has a packaged model. Errors: InputError that says what to run."""
    for stage, name in (("evaluate", "metrics.json"), ("package", "digests.json"), ("package", "bento.json")):
        if not (inputs.output(stage) / name).is_file():
            raise InputError(
                f"no {inputs.output(stage) / name}: finish the workspace with `dvc repro`, then hand it over"
            )


def copy_workspace(inputs: Workspace, network: Path, folder: Path) -> None:
    """Copy parameters, graph, suites, scenarios and the outputs of all stages: tracks and windows, no pixels.

    network  folder of the network that was judged: train's output, or an ensemble.
    """
    target = folder / "workspace"
    target.mkdir(parents=True)
    for name in FILES:
        if (inputs.root / name).is_file():
            shutil.copy(inputs.root / name, target / name)
    shutil.copytree(inputs.expectations, target / "expectations", ignore=_no_drafts)
    for path in sorted((inputs.root / "acceptance").glob("*")):
        if path.suffix in SCENARIOS:
            (target / "acceptance").mkdir(exist_ok=True)
            shutil.copy(path, target / "acceptance" / path.name)
    for name in (*STAGES, "accept", "uat"):
        if (source := inputs.output(name)).is_dir():
            shutil.copytree(source, target / "build" / name, ignore=_no_pictures)
    if not (judged := target / network.relative_to(inputs.root)).exists():
        shutil.copytree(network, judged, ignore=CACHES)


def _no_drafts(_: str, names: list[str]) -> set[str]:
    """Names that Great Expectations and git keep to themselves, and DVC does not count."""
    return {"uncommitted", "checkpoints", "validation_definitions", ".ge_store_backend_id", "__pycache__"} & set(names)


def _no_pictures(folder: str, names: list[str]) -> set[str]:
    """Frames of clients' videos, which reports of acceptance have beside them."""
    return {"pictures", "__pycache__"} & set(names) if "uat" in Path(folder).parts else {"__pycache__"} & set(names)


def copy_models(inputs: Workspace, network: Path, folder: Path) -> None:
    """Copy the packaged model (ONNX, OpenVINO, feature pipeline, card) and the trained weights (safetensors)."""
    target = folder / "models"
    target.mkdir()
    for path in sorted(inputs.output("package").iterdir()):
        if path.is_file() and path.name not in NOT_MODEL:
            shutil.copy(path, target / path.name)
    for name in WEIGHTS:
        shutil.copy(network / name, target / name)


def copy_bentos(inputs: Workspace, settings: Settings, folder: Path) -> dict[str, str]:
    """Copy both bentos and their model as a BentoML store; return the tags.

    Errors: InputError where the store lacks one.
    """
    from posemill.uat.bentos import bento_store

    store, target = bento_store(settings), folder / "bentoml"
    tags: dict[str, str] = json.loads((inputs.output("package") / "bento.json").read_text())
    for key, tag in tags.items():
        kind = "models" if key == "model" else "bentos"
        source = store / kind / tag.replace(":", "/")
        if not source.is_dir():
            raise InputError(f"the store {store} has no {tag}: run `dvc repro -f -s package` where it was built")
        shutil.copytree(source, target / kind / tag.replace(":", "/"), ignore=CACHES)
    return tags


def write_exports(folder: Path) -> dict[str, str]:
    """Write the exports for edge and browser; return why one is left out, by name."""
    from posemill.operations.export_browser import export as export_browser
    from posemill.operations.export_edge import export as export_edge

    left_out = {}
    for name, write in (
        ("edge", lambda: export_edge(None, folder / "edge", None, None)),
        ("browser", lambda: export_browser(None, folder / "browser")),
    ):
        try:
            write()
        except PosemillError as exc:
            left_out[name] = str(exc)
            shutil.rmtree(folder / name, ignore_errors=True)
    return left_out


def copy_media(
    inputs: Workspace, settings: Settings, folder: Path, datasets: Sequence[str], licences: Mapping[str, str | None]
) -> int:
    """Copy the stored media of these data sets ("all": of every one), by digest; return their number.

    Errors: InputError for a data set that the model has no clip of, or whose licence nobody stated.
    """
    from posemill.store.media import MediaStore

    clips = read_clips(inputs)
    known = set(clips["dataset"].drop_nulls())
    if unknown := sorted(set(datasets) - known - {"all"}):
        raise InputError(f"--media: no data set {unknown[0]} among {', '.join(sorted(known))}, or all")
    chosen = known if "all" in datasets else known & set(datasets)
    if unstated := sorted(name for name in chosen if not licences.get(name)):
        raise InputError(
            f"--media: nobody said which licence lets the media of {unstated[0]} be passed on: "
            f'--data-licence "{unstated[0]}=its licence"'
        )
    wanted = sorted(set(clips.filter(clips["dataset"].is_in(list(chosen)))["medium"]))
    store, target = MediaStore(settings.store_url), folder / "media"
    if wanted:
        target.mkdir()
    for medium in wanted:
        shutil.copy(store.fetch(medium), target / medium)
    return len(wanted)


def write_wheelhouse(lock: Path, folder: Path) -> int:
    """Download the wheels of requirements.lock, checked against its hashes; return their number.

    Packages that are built from source (OpenPifPaf) are not among them.
    Errors: PosemillError where the package index cannot be reached.
    """
    blocks = re.split(r"\n(?=\S)", lock.read_text().strip())
    wanted = folder.parent / "wheelhouse.txt"
    wanted.write_text("\n".join(block for block in blocks if not block.startswith(FROM_SOURCE)) + "\n")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["-r", str(wanted), "-d", str(folder / "wheelhouse")]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PosemillError(f"--wheelhouse: the locked packages could not be downloaded: {reason}")
    return len(list((folder / "wheelhouse").iterdir()))
