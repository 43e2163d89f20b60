"""train: trains the activity network on the prepared windows."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.labeller_noise import FittedNoise
from posemill.features.pipeline import FeaturePipeline
from posemill.features.splits import group_subjects
from posemill.params.train import TrainParams
from posemill.stages.content_order import clip_numbers
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.training.datamodule import WindowIndex
    from posemill.training.fit import FitResult

PREPARED = ("windows.npy", "index.parquet", "features.json", "classes.json")


class TrainResult(StageResult):
    """The chosen network and what its training took."""

    stage: str = "train"
    network: str
    parameters: int
    epochs: int
    best_epoch: int
    validation_accuracy: float
    seconds: float
    windows_per_s: float
    resumed_from_epoch: int


def run(params: TrainParams, inputs: Workspace, outputs: Path) -> TrainResult:
    """Write network.safetensors, network.json, history.json and dvclive/ (figures by epoch for `dvc plots`).

    With train.folds the network is an ensemble, dvclive/ is of its first fold, and out_of_fold.npz has what was said of
    every window by the one that did not see it.

    A training that was killed goes on from its last epoch, as long as data and parameters are the same.
    Errors: InputError for data that cannot train a model, with what to do.
    """
    from posemill import models

    scratch = _only(inputs.root / "build" / ".resume" / f"train-{digest(params, inputs)}")
    result = trained(params, inputs, scratch, live=outputs / "dvclive", progress=sys.stderr.isatty())
    models.save(outputs, result.network, result.card)
    if result.held_out is not None:
        result.held_out.save(outputs)
    history = {"sanity": result.sanity, "epochs": result.history}
    (outputs / "history.json").write_text(json.dumps(history, indent=1) + "\n")
    return TrainResult(
        network=params.network,
        parameters=sum(p.numel() for p in result.network.parameters()),
        epochs=len(result.history),
        best_epoch=result.best_epoch,
        validation_accuracy=round(result.validation_accuracy, 4),
        seconds=round(result.seconds, 1),
        windows_per_s=round(result.windows_per_s, 1),
        resumed_from_epoch=result.resumed_from_epoch,
    )


def trained(params: TrainParams, inputs: Workspace, scratch: Path, **options: Any) -> FitResult:
    """One training on what prepare wrote; options as `posemill.training.fit.fit` has them."""
    from posemill.training.fit import fit
    from posemill.training.folds import fit_folds

    prepared = inputs.output("prepare")
    classes: list[str] = json.loads(_needed(prepared / "classes.json").read_text())
    pipeline = FeaturePipeline.load(_needed(prepared / "features.json"))
    windows = np.load(_needed(prepared / "windows.npy"), mmap_mode="r")
    start = find_pretrained(params.pretrained, inputs.root) if params.pretrained else None
    noise = FittedNoise.load(_noise(inputs)) if params.augment.noise == "fitted" else None
    index = _index(prepared, classes)
    options |= {"pretrained": start, "noise": noise}
    if params.folds > 1:
        return fit_folds(params, windows, index, _groups(prepared), pipeline, classes, scratch, **options)
    return fit(params, windows, index, pipeline, classes, scratch, **options)


def find_pretrained(name: str, root: Path) -> Path:
    """Return the weights to begin with: a path seen from the workspace, `packaged` or `yoga`."""
    if name == "packaged":
        from posemill.prediction.packaged import PACKAGED

        return PACKAGED
    if name == "yoga":
        from posemill.applications.yoga.pose_model import EMBEDDED

        return EMBEDDED
    return root / name


def digest(params: TrainParams, inputs: Workspace) -> str:
    """Names a training by its parameters and its data."""
    found = hashlib.sha256(params.model_dump_json().encode())
    files = [_needed(inputs.output("prepare") / name) for name in PREPARED]
    for path in [*files, _noise(inputs)] if params.augment.noise == "fitted" else files:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def _noise(inputs: Workspace) -> Path:
    path = inputs.output("label") / "noise.json"
    if not path.is_file() or path.read_text().strip() == "null":
        raise InputError(
            f"no {path}: train.augment.noise: fitted needs labelled videos with true keypoints (`posemill synth` makes "
            f"some); label them, or set it to `set`"
        )
    return path


def _needed(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage prepare` (or `dvc repro`) first")
    return path


def _index(prepared: Path, classes: list[str]) -> WindowIndex:
    import pandas as pd

    from posemill.training.datamodule import WindowIndex

    table = pd.read_parquet(_needed(prepared / "index.parquet"))
    number = {name: i for i, name in enumerate(classes)}
    if unknown := sorted(set(table["activity"]) - set(number)):
        raise InputError(f"{prepared}: windows of {', '.join(unknown)} are not in classes.json; run prepare again")
    return WindowIndex(
        target=table["activity"].map(number).to_numpy(np.int64, copy=True),
        clip=clip_numbers(table["clip"]).to_numpy(np.int64, copy=True),
        split=table["split"].to_numpy(str),
    )


def _groups(prepared: Path) -> NDArray[np.str_]:
    """(N,) of every window a name of those whom its subject must not be parted from."""
    import pandas as pd

    table = pd.read_parquet(prepared / "index.parquet", columns=["subject", "medium"]).astype(str)
    group = group_subjects(zip(table["subject"], table["medium"], strict=True))
    return np.asarray(table["subject"].map(group).to_numpy(str))


def _only(scratch: Path) -> Path:
    """Return the folder of checkpoints, outside build/train, which DVC empties; those of other data are removed."""
    for other in scratch.parent.glob("train-*"):
        if other != scratch:
            shutil.rmtree(other)
    return scratch
