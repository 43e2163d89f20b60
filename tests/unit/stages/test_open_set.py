"""The open-set score through prepare, evaluate and the package: what was not taught is none of these."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import judged_workspace as made
from judged_workspace import CLASSES, FPS
from posemill import models
from posemill.features.pipeline import FeaturePipeline
from posemill.models.open_set import OpenSetScore
from posemill.packaging.assemble import assemble
from posemill.params.evaluate import EvaluateParams, Gates
from posemill.params.train import TrainParams
from posemill.pose.skeleton import BODY_12
from posemill.prediction.model import ActivityModel
from posemill.stages import evaluate, train
from posemill.stages.unknown_windows import UNKNOWN_INDEX, UNKNOWN_WINDOWS
from posemill.stages.workspace import Workspace

NONE = "none of these"
OFF = Gates(min_frame_rate_consistency=None, max_accuracy_lost_to_dropout=None)


def moving(activity: str, frames: int, seed: int) -> np.ndarray:
    """(T, 12, 2) pixels: one body that rests, waves with its arms, squats, or kicks with its legs."""
    rng = np.random.default_rng([seed, len(activity)])
    body = np.repeat((300 + np.random.default_rng(5).normal(0, 50, (12, 2)))[None], frames, 0)
    swing = rng.uniform(25, 40) * np.sin(2 * np.pi * np.arange(frames) / FPS + rng.uniform(0, 6))[:, None]
    body += rng.normal(0, 1.5, body.shape)
    keypoints, axis = {"rest": (slice(0), 0), "wave": (slice(2, 6), 0), "squat": (slice(8), 1)}.get(
        activity, (slice(8, 12), 0)
    )
    body[:, keypoints, axis] += swing
    return body.astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Three activities that a network has learnt, and windows of people who kick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "moving", moving)
        inputs = made.judged_workspace(tmp_path_factory.mktemp("workspace"), people=40)
    prepare = inputs.output("prepare")
    (prepare / "result.json").write_text('{"split_by": "subject"}')
    inputs.output("train").mkdir()
    train.run(TrainParams(network="linear", threads=1), inputs, inputs.output("train"))
    plain, rows = FeaturePipeline(BODY_12, made.SPEC), []
    for number in range(12):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(made, "moving", lambda _, frames, seed: moving("kick", frames, seed))
            rows.append(plain.windows(made.filmed(100 + number).tracks[0], 0.0, 2.5)[0])
    np.save(prepare / UNKNOWN_WINDOWS, np.concatenate(rows))
    clips = np.repeat(np.arange(12), [len(windows) for windows in rows])
    pd.DataFrame({"window": range(len(clips)), "clip": clips}).to_parquet(prepare / UNKNOWN_INDEX)
    return inputs


def judged(inputs: Workspace, **params: object) -> dict[str, object]:
    evaluate.run(EvaluateParams(gates=OFF, **params), inputs, inputs.output("evaluate"))  # type: ignore[arg-type]
    return dict(json.loads((inputs.output("evaluate") / "metrics.json").read_text()))


def test_evaluation_tells_the_unknown_apart(trained: Workspace) -> None:
    metrics = judged(trained)
    assert metrics["accuracy"] == 1.0
    assert metrics["unknown_clips"] == 12
    assert float(metrics["auroc_unknown"]) > 0.95  # type: ignore[arg-type]
    assert float(metrics["unknown_rejected"]) > 0.8  # type: ignore[arg-type]
    assert float(metrics["known_accepted"]) > 0.7  # type: ignore[arg-type]
    assert float(metrics["coverage"]) <= float(metrics["known_accepted"])  # type: ignore[arg-type]
    report = (trained.output("evaluate") / "report.html").read_text()
    assert "clips of activities that it was not taught" in report


def test_a_gate_on_the_unknown(trained: Workspace) -> None:
    gates = OFF.model_copy(update={"min_auroc_unknown": 1.0, "max_risk_at_coverage_80": 0.01})
    result = evaluate.run(EvaluateParams(gates=gates), trained, trained.output("evaluate"))
    said = [line for line in result.gates if "unknown" in line or "coverage" in line]
    assert len(said) == 2
    assert "asks for at most 0.01" in said[1]
    without = evaluate.run(EvaluateParams(gates=gates, accept_known=None), trained, trained.output("evaluate"))
    assert any("auroc unknown was not measured" in line for line in without.gates)


def test_without_a_score_the_figures_are_as_before(trained: Workspace) -> None:
    metrics = judged(trained, accept_known=None)
    assert "auroc_unknown" not in metrics
    assert OpenSetScore.load(trained.output("evaluate")) is None
    assert "has no open-set score" in (trained.output("evaluate") / "report.html").read_text()
    assert judged(trained)["accuracy"] == metrics["accuracy"]


def test_the_package_says_none_of_these(trained: Workspace, tmp_path: Path) -> None:
    judged(trained)
    prepare = trained.output("prepare")
    features = FeaturePipeline.load(prepare / "features.json")
    network, card = models.load(trained.output("train"), CLASSES, features.skeleton)
    score = OpenSetScore.load(trained.output("evaluate"))
    calibration = json.loads((trained.output("evaluate") / "calibration.json").read_text())
    windows = np.load(prepare / "windows.npy")
    assert score is not None
    assert score.temperature == calibration["temperature"]
    assemble(tmp_path, network, card, features, windows[:40], score.temperature, {}, {}, None, score)
    model = ActivityModel.load(tmp_path)
    assert model.classes == (*CLASSES, NONE)
    unknown = model.predict_windows(np.load(prepare / UNKNOWN_WINDOWS))
    assert (unknown.argmax(1) == 3).mean() > 0.7
    assert model.abstained(unknown).tolist() == (unknown.argmax(1) == 3).tolist()
    known = model.predict_windows(windows)
    assert (known.argmax(1) == 3).mean() < 0.3
    np.testing.assert_allclose(known.sum(1), 1, atol=1e-5)
