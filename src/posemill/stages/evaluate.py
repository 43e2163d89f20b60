"""evaluate: metrics of the trained network on the test split. Gates are judged here and enforced by package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.params.evaluate import EvaluateParams
from posemill.stages.result import StageResult
from posemill.stages.workers import workers_of
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from posemill.evaluation.gates import GateOutcome
    from posemill.features.pipeline import FeaturePipeline
    from posemill.stages.evaluate_on_cluster import RemoteEvaluation


class EvaluateResult(StageResult):
    """The figures a person asks for first; the rest is in metrics.json."""

    stage: str = "evaluate"
    accuracy: float
    macro_f1: float
    window_accuracy: float
    ece: float
    clips: int
    clips_without_prediction: int
    gates_passed: bool
    report: str = "build/evaluate/report.html"
    gates: list[str]


def run(params: EvaluateParams, inputs: Workspace, outputs: Path) -> EvaluateResult:
    """Predict the validation and test splits and judge.

    Writes metrics.json, calibration.json, open_set.safetensors, predictions.parquet, plots/*.csv and report.html. A
    failing gate is recorded, not raised, so that the report is there to look at; package refuses with the sentence.
    Errors: InputError for an empty test split, CheckpointError for a network of other classes, skeleton or
    window length.
    """
    from posemill import models
    from posemill.features.pipeline import FeaturePipeline

    prepare = inputs.output("prepare")
    if not (prepare / "classes.json").is_file():
        raise InputError(f"no {prepare / 'classes.json'}: run `posemill stage prepare` (or `dvc repro`) first")
    features = FeaturePipeline.load(prepare / "features.json")
    classes: list[str] = json.loads((prepare / "classes.json").read_text())
    folder = inputs.root / params.network
    if not (folder / "network.json").is_file():
        raise CheckpointError(
            f"no trained network in {folder}, which evaluate.network names: `posemill stage train` writes build/train, "
            f"`posemill assemble` an ensemble"
        )
    network, card = models.load(folder, classes, features.skeleton)
    if card.frames != features.window.frames:
        raise CheckpointError(
            f"{folder}: trained on windows of {card.frames} poses, prepare makes {features.window.frames}; train again"
        )
    missing_predictions = _count_missing(inputs, classes)
    about = f"network {card.name}"
    with workers_of(inputs) as workers:
        remote = None
        if workers is not None:
            from posemill.stages.evaluate_on_cluster import RemoteEvaluation

            remote = RemoteEvaluation(*workers, folder, prepare / "features.json", classes)
        return judge(
            params, prepare, outputs, network, features, classes, about, missing_predictions, inputs, folder, remote
        )


def _count_missing(inputs: Workspace, classes: list[str]) -> int:
    import pandas as pd

    from posemill.evaluation.missing_predictions import count_missing_predictions

    prepare = inputs.output("prepare")
    split_by: str = json.loads((prepare / "result.json").read_text())["split_by"]
    clips = pd.read_parquet(inputs.output("ingest") / "clips.parquet")
    return count_missing_predictions(clips, pd.read_parquet(prepare / "index.parquet"), classes, split_by)


def judge(
    params: EvaluateParams,
    prepare: Path,
    outputs: Path,
    network: Any,
    features: FeaturePipeline,
    classes: list[str],
    about: str,
    missing_predictions: int = 0,
    inputs: Workspace | None = None,
    folder: Path | None = None,
    remote: RemoteEvaluation | None = None,
) -> EvaluateResult:
    """As run, for a network that is at hand: (B, T, K, 3) → logits (B, C).

    inputs  where the tracks are that other frame rates and backends are tried on; None = only noise is tried.
    folder  of the network: one that was trained in folds is calibrated by what its members had not seen.
    remote  asks the network on workers; None = in this process.
    """
    import pandas as pd

    from posemill.evaluation import evaluation_report, gates
    from posemill.evaluation.artifacts import write_artifacts
    from posemill.evaluation.evaluation_results import HELD_OUT, VALIDATION, add_open_set, evaluate
    from posemill.evaluation.predict_fn import predict_fn
    from posemill.models.inference import predict_logits
    from posemill.models.open_set import OpenSetNetwork
    from posemill.stages import open_set, robustness

    index = pd.read_parquet(prepare / "index.parquet")
    windows = _windows(prepare / "windows.npy", len(index))
    logits = remote.logits if remote else predict_logits

    def predicted(rows: pd.DataFrame, by: Any = network) -> tuple[pd.DataFrame, NDArray[np.float32]]:
        found = logits(by, features, windows, rows["window"].to_numpy(np.int64), params.batch_size)
        return rows, found if len(rows) else np.zeros((0, len(classes)), np.float32)

    unseen = OutOfFoldPredictions.load(folder, len(windows)) if folder else None
    held_out = index[index["split"] == "validation"]
    validation = (index.iloc[unseen.rows], unseen.logits) if unseen else predicted(held_out)
    score = None if unseen else open_set.fit(params, network, features, windows, index, classes, validation, logits)
    answering = network if score is None else OpenSetNetwork(network, score, len(classes))
    test = predicted(index[index["split"] == "test"], answering)
    results = evaluate(
        test[0],
        classes,
        validation,
        test[1][:, : len(classes)],
        params.reliability_bins,
        missing_predictions,
        params.target_selective_accuracy,
        HELD_OUT if unseen else VALIDATION,
    )
    if score is not None:
        unknown = open_set.unknown(prepare, answering, features, params.batch_size, logits)
        target = params.target_selective_accuracy
        results = add_open_set(results, predicted(held_out, answering), test[1], unknown, target)
    open_set.save(score, outputs)
    predict = predict_fn(network, features, results.temperature, params.batch_size)
    robust = robustness.run(params.robustness, inputs, results, predict, features, windows, remote)
    metrics = {**results.metrics(), **robust.metrics()}
    outcomes = gates.check(metrics, params.gates)
    write_artifacts(outputs, results, outcomes, metrics)
    page = evaluation_report.page(results, outcomes, windows, features.skeleton, params.mistakes_shown, about, robust)
    page.write(outputs / "report.html")
    return _result(metrics, outcomes)


def _windows(path: Path, rows: int) -> NDArray[np.float32]:
    windows: NDArray[np.float32] = np.load(path, mmap_mode="r")
    if len(windows) != rows:
        raise InputError(f"{path} has {len(windows)} windows, index.parquet has {rows}; run prepare again")
    return windows


def _result(metrics: dict[str, Any], outcomes: list[GateOutcome]) -> EvaluateResult:
    return EvaluateResult(
        **{key: round(metrics[key], 4) for key in ("accuracy", "macro_f1", "window_accuracy", "ece")},
        clips=metrics["clips"],
        clips_without_prediction=metrics["clips_without_prediction"],
        gates_passed=all(o.passed for o in outcomes),
        gates=[o.says for o in outcomes],
    )
