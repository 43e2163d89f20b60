"""package: a network that passed its gates → ONNX, model card, digests, bentos, and a row in the database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import GateError, InputError
from posemill.features.verdict import taught
from posemill.params.evaluate import EvaluateParams
from posemill.params.label import LabelParams
from posemill.params.package import PackageParams
from posemill.params.section import load_section
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posemill.settings import Settings


class PackageResult(StageResult):
    """The packaged model: `bento` ships alone, `analysis` also takes videos.

    refused  why nothing was packaged; all other fields are None then.
    """

    stage: str = "package"
    refused: str | None = None
    bento: str | None = None
    analysis: str | None = None
    model: str | None = None
    classes: int | None = None
    onnx_mb: float | None = None
    parity: float | None = None
    model_version: int | None = None


def run(params: PackageParams, inputs: Workspace, outputs: Path) -> PackageResult:
    """Judge by the gates, export, compare, write build/package/, build both bentos, record the model version.

    A figure on the wrong side of its gate is a result, not an error: look at `refused`; nothing is packaged then, and
    the gate stage stops the graph.
    Errors: CheckpointError when the export differs from the network; Unavailable when the database is away (the bentos
    are then found again).
    """
    from posemill.evaluation.gates import check, require_passed
    from posemill.packaging import bento, card
    from posemill.settings import Settings
    from posemill.store.postgres import transaction

    metrics = _json(inputs.output("evaluate") / "metrics.json", "evaluate")
    judged = load_section(inputs.params, "evaluate", EvaluateParams)
    outcomes = check(metrics, judged.gates)
    try:
        require_passed(outcomes)
    except GateError as exc:
        _clear(outputs)
        return PackageResult(refused=str(exc))
    network = inputs.root / judged.network
    parity = _assemble(params, inputs, outputs, network)
    facts = card.CardFacts.gather(inputs.root / "build", outputs, metrics, [o.says for o in outcomes], network)
    (outputs / "card.md").write_text(card.markdown(facts))
    settings = Settings.from_env()
    tags = bento.build(outputs, inputs.root, settings.home)
    (outputs / "bento.json").write_text(json.dumps(tags, indent=1) + "\n")
    keep_lineage(settings, outputs)
    with transaction(settings) as connection:
        version = record_version(connection, inputs, outputs, tags["activity"])
    return PackageResult(
        bento=tags["activity"],
        analysis=tags["analysis"],
        model=_json(outputs / "digests.json", "package")["model"],
        classes=len(taught(_json(outputs / "classes.json", "package"))),
        onnx_mb=round((outputs / "activity.onnx").stat().st_size / 1e6, 2),
        parity=parity,
        model_version=version,
    )


def _clear(folder: Path) -> None:
    """Remove what an earlier run left, which DVC does by itself: a refused model has no package."""
    for path in folder.iterdir():
        path.unlink() if path.is_file() else shutil.rmtree(path)


def _assemble(params: PackageParams, inputs: Workspace, outputs: Path, trained: Path) -> float:
    from posemill import models
    from posemill.features.calibration_file import rejection_threshold
    from posemill.features.pipeline import FeaturePipeline
    from posemill.models.open_set import OpenSetScore
    from posemill.monitoring.reference import FILE as REFERENCE
    from posemill.monitoring.reference import write_reference
    from posemill.packaging.assemble import assemble
    from posemill.packaging.digests import commit, of_files
    from posemill.store.lineage import FILE, write_lineage

    prepare = inputs.output("prepare")
    features = FeaturePipeline.load(prepare / "features.json")
    network, network_card = models.load(trained, _json(prepare / "classes.json", "prepare"), features.skeleton)
    temperature = float(_json(inputs.output("evaluate") / "calibration.json", "evaluate")["temperature"])
    clips = inputs.output("validate") / "clips.parquet"
    write_lineage(outputs / FILE, prepare / "index.parquet", clips)
    write_reference(prepare, outputs / REFERENCE)
    origin = of_files(
        {
            "snapshot": inputs.output("snapshot") / "snapshot.json",
            "clips": clips,
            "lineage": outputs / FILE,
            "reference": outputs / REFERENCE,
            "windows_index": prepare / "index.parquet",
            "weights": trained / "network.safetensors",
            "metrics": inputs.output("evaluate") / "metrics.json",
            "params": inputs.params,
        }
    )
    return assemble(
        outputs,
        network,
        network_card,
        features,
        _some_windows(prepare / "windows.npy", params.parity_windows),
        temperature,
        _labeller(inputs),
        {**origin, "code": commit(inputs.root)},
        rejection_threshold(_json(inputs.output("evaluate") / "metrics.json", "evaluate")),
        OpenSetScore.load(inputs.output("evaluate")),
    )


def _some_windows(path: Path, count: int) -> NDArray[np.float32]:
    """At most `count` windows, spread over the file."""
    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage prepare`")
    windows = np.load(path, mmap_mode="r")
    rows = np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int))
    return np.array(windows[rows], np.float32)


def _labeller(inputs: Workspace) -> dict[str, Any]:
    """Return the labeller for this model's videos: that of the training data, or of params.yaml if it was imported."""
    path = inputs.output("label") / "labeller.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    if found.get("describes") is not None:
        return found
    now = load_section(inputs.params, "label", LabelParams).model_dump(mode="json")
    return {**found, "backend": now["backend"], "checkpoint": now["checkpoint"], "params": now, "describes": None}


def keep_lineage(settings: Settings, package: Path) -> None:
    """Put the list of clips that made a package into the store, where no later build overwrites it."""
    from posemill.store import lineage
    from posemill.store.media import MediaStore

    lineage.keep_lineage(MediaStore(settings.store_url), package)


def record_version(connection: Connection, inputs: Workspace, package: Path, tag: str) -> int:
    """The number of the model version with this bento tag, recorded now unless it was before."""
    from posemill.store.catalog import record_model_version

    digests = _json(package / "digests.json", "package")
    return record_model_version(
        connection,
        bento_tag=tag,
        digests={k: v for k, v in digests.items() if v},
        metrics=_finite(_json(inputs.output("evaluate") / "metrics.json", "evaluate")),
        added_by="stage package",
        classes=_json(package / "classes.json", "package"),
        origin=digests.get("code"),
    )


def _finite(value: Any) -> Any:
    """NaN as null: PostgreSQL's JSON has no NaN."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _json(path: Path, stage: str) -> Any:
    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage {stage}` (or `dvc repro`)")
    return json.loads(path.read_text())
