"""Content of an MLflow run: parameters, metrics, tags and files of a model version, within MLflow's limits."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import RowMapping

from posemill.stages.workspace import Workspace

TAG = "posemill."
BENTO, CONTENT = f"{TAG}bento_tag", f"{TAG}content"
LONGEST_PARAM, LONGEST_TAG = 6000, 5000  # characters that MLflow keeps
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_\-./ ]")  # in names of parameters and metrics
# files of the workspace → folder of the run's artefacts
FILES = {
    "build/package/card.md": "",
    "build/evaluate/report.html": "evaluate",
    "build/evaluate/metrics.json": "evaluate",
    "build/train/history.json": "train",
    "build/snapshot/snapshot.json": "data",
    "params.yaml": "",
    "dvc.lock": "",
}
MODEL_FILES = ("activity.onnx", "features.json", "classes.json", "calibration.json", "labeller.json", "digests.json")


@dataclass(frozen=True, slots=True)
class EpochMetric:
    """One value of a metric at one epoch."""

    name: str
    value: float
    epoch: int


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One model version as a run.

    name     bento tag.
    at_ms    when it was recorded, milliseconds since 1970.
    epochs, params, files, model are empty for a version other than the one in build/.
    files    (file, folder of the artefacts); model: files of the model's own folder.
    shape    (T, K, C) of a window and the number of classes, for the model's signature; None where it is not known.
    """

    name: str
    at_ms: int
    champion: bool
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    epochs: tuple[EpochMetric, ...]
    tags: Mapping[str, str]
    files: tuple[tuple[Path, str], ...]
    model: tuple[Path, ...]
    card: str
    shape: tuple[int, int, int, int] | None

    @property
    def content(self) -> str:
        """Digest of all that a run says, so that an unfinished or older export is told from a whole one."""
        said = {
            "params": dict(self.params),
            "metrics": dict(self.metrics),
            "tags": {k: v for k, v in self.tags.items() if k != f"{TAG}stage"},
            "epochs": [(e.name, e.value, e.epoch) for e in self.epochs],
            "files": sorted(f"{folder}/{path.name}" for path, folder in self.files),
            "model": sorted(path.name for path in self.model),
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def model_run(version: RowMapping, inputs: Workspace) -> ModelRun:
    """Gather a model version; its files too where build/ is of this version."""
    package = inputs.output("package")
    here = _json(package / "bento.json").get("activity") == version["bento_tag"]
    params = yaml.safe_load(inputs.params.read_text()) if here and inputs.params.is_file() else {}
    history = _json(inputs.output("train") / "history.json") if here else {}
    digests = dict(version["digests"] or {})
    tags = {
        BENTO: version["bento_tag"],
        f"{TAG}stage": version["stage"],
        f"{TAG}classes": ", ".join(version["classes"] or []),
        f"{TAG}added_by": version["added_by"],
        **{f"{TAG}digest.{name}": str(value) for name, value in digests.items() if name != "code"},
    }
    if digests.get("code"):
        tags["mlflow.source.git.commit"] = str(digests["code"])
    files = [(inputs.root / name, folder) for name, folder in FILES.items()] if here else []
    card = package / "card.md"
    return ModelRun(
        name=version["bento_tag"],
        at_ms=round(version["added_at"].timestamp() * 1000),
        champion=version["stage"] == "released",
        params={name: str(value)[:LONGEST_PARAM] for name, value in _flat(params)},
        metrics={name: float(value) for name, value in _flat({"test": version["metrics"] or {}}) if _is_number(value)},
        epochs=tuple(_epochs(history)),
        tags={name: value[:LONGEST_TAG] for name, value in tags.items()},
        files=tuple((path, folder) for path, folder in files if path.is_file()),
        model=tuple(package / name for name in MODEL_FILES if (package / name).is_file()) if here else (),
        card=card.read_text() if here and card.is_file() else "",
        shape=_shape(package) if here else None,
    )


def _epochs(history: Mapping[str, Any]) -> Iterator[EpochMetric]:
    for row in history.get("epochs", []):
        for name, value in row.items():
            if name != "epoch" and _is_number(value):
                yield EpochMetric(allowed(name), float(value), int(row["epoch"]))


def _shape(package: Path) -> tuple[int, int, int, int] | None:
    features, classes = _json(package / "features.json"), package / "classes.json"
    if not features or not classes.is_file():
        return None
    keypoints = len(features["skeleton"]["keypoints"])
    return features["window"]["frames"], keypoints, 3, len(json.loads(classes.read_text()))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as dotted names; lists are one value."""
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield allowed(name), value


def allowed(name: str) -> str:
    """Return a name of a parameter or metric with the characters that MLflow takes.

    Examples:
        >>> allowed("test.recall.push up (fast)")
        'test.recall.push up _fast_'
    """
    return _NOT_ALLOWED.sub("_", name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {}
