from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from posemill import models
from posemill.errors import CheckpointError, InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.params.evaluate import EvaluateParams, Gates
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from posemill.stages import evaluate
from posemill.stages.workspace import Workspace

CLASSES = ["sit", "walk"]
SPEC = WindowSpec(duration_s=1.0, rate_hz=4)


class Told(torch.nn.Module):
    """Says what is written into the first keypoint: its x is the logit of class 1. Features do not change it here."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logit = x[:, 0, 0, 0]
        return torch.stack([torch.zeros_like(logit), logit], 1)


class Plain(FeaturePipeline):
    """Hands windows on as they are, so that the network's answers are known."""

    def transform(self, windows: np.ndarray) -> np.ndarray:  # type: ignore[override]
        return windows


def prepared(folder: Path, logits: list[float], actual: list[str], clip: list[int], split: list[str]) -> Path:
    """A prepare folder in which window n is told `logits[n]`."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    windows = rng.uniform(0, 100, (len(logits), SPEC.frames, len(BODY_12), 3)).astype(np.float32)
    windows[:, 0, 0, 0] = logits
    np.save(folder / "windows.npy", windows)
    pd.DataFrame(
        {
            "window": range(len(logits)),
            "clip": clip,
            "medium": [f"{c:064x}" for c in clip],
            "person": 0,
            "start_s": 0.0,
            "activity": actual,
            "subject": [f"s{c}" for c in clip],
            "camera": "hall",
            "split": split,
        }
    ).to_parquet(folder / "index.parquet")
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


@pytest.fixture
def prepare(tmp_path: Path) -> Path:
    """Four test clips of two windows. Clip 1: both right; 2: one wrong, outvoted; 3: right; 4: both wrong."""
    return prepared(
        tmp_path / "prepare",
        logits=[3.0, 2.0, 4.0, -0.5, -2.0, -2.0, 5.0, 5.0, 2.0, -2.0],
        actual=["walk", "walk", "walk", "walk", "sit", "sit", "sit", "sit", "walk", "sit"],
        clip=[1, 1, 2, 2, 3, 3, 4, 4, 5, 6],
        split=["test"] * 8 + ["validation"] * 2,
    )


def judged(prepare: Path, outputs: Path, params: EvaluateParams | None = None) -> evaluate.EvaluateResult:
    outputs.mkdir(exist_ok=True)
    features = Plain(BODY_12, SPEC)
    return evaluate.judge(params or EvaluateParams(batch_size=3), prepare, outputs, Told(), features, CLASSES, "told")


def metrics(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text()))


def test_figures_by_hand(prepare: Path, tmp_path: Path) -> None:
    result = judged(prepare, tmp_path / "out")
    assert (result.accuracy, result.window_accuracy, result.clips) == (0.75, 0.625, 4)
    found = metrics(tmp_path / "out")
    assert found["recall"] == {"sit": 0.5, "walk": 1.0}
    assert found["class_recall"] == 0.5
    assert found["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["accuracy_low"] < 0.75 < found["accuracy_high"]
    assert found["windows"] == 8


def test_the_gates_are_recorded_and_the_report_is_written_anyhow(prepare: Path, tmp_path: Path) -> None:
    result = judged(prepare, tmp_path / "out", EvaluateParams(gates=Gates(min_accuracy=0.9, min_clips=2)))
    assert not result.gates_passed
    assert metrics(tmp_path / "out")["gates"]["min_accuracy"] == "accuracy is 0.75, min_accuracy asks for at least 0.9"
    assert metrics(tmp_path / "out")["gates"]["min_clips"] == "passed"
    html = (tmp_path / "out" / "report.html").read_text()
    assert "Not good enough to package: accuracy is 0.75" in html
    assert "clip 4" not in html  # drawn as paths; the table has it
    assert '<th scope="row" class="number">4</th>' in html


def test_predictions_and_plots(prepare: Path, tmp_path: Path) -> None:
    judged(prepare, tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    windows, clips = table[table["window"].notna()], table[table["window"].isna()]
    assert windows["predicted"].tolist() == ["walk", "walk", "walk", "sit", "sit", "sit", "walk", "walk"]
    assert clips[["clip", "activity", "predicted"]].to_numpy().tolist() == [
        [1, "walk", "walk"],
        [2, "walk", "walk"],
        [3, "sit", "sit"],
        [4, "sit", "walk"],
    ]
    assert all(len(p) == 2 and abs(sum(p) - 1) < 1e-5 for p in table["probabilities"])
    lines = (tmp_path / "out" / "plots" / "confusion.csv").read_text().splitlines()
    assert lines == ["actual,predicted", "walk,walk", "walk,walk", "sit,sit", "sit,walk"]


def test_the_temperature_comes_from_validation_alone(tmp_path: Path) -> None:
    logits, right = [2.0] * 40, ["walk"] * 30 + ["sit"] * 10  # right in 3 of 4
    a = prepared(tmp_path / "a", [9.0, *logits], ["walk", *right], list(range(41)), ["test", *["validation"] * 40])
    b = prepared(tmp_path / "b", [9.0, *logits], ["sit", *right], list(range(41)), ["test", *["validation"] * 40])
    for folder in (a, b):
        judged(folder, folder / "out")
        temperature = json.loads((folder / "out" / "calibration.json").read_text())["temperature"]
        share = (30 * 41 / 42 + 10 / 42) / 40  # as in Platt scaling, of N right predictions (N + 1) / (N + 2) are
        assert temperature == pytest.approx(2 / np.log(share / (1 - share)), rel=1e-3)
        assert metrics(folder / "out")["temperature"] == temperature


def test_without_validation_windows_the_temperature_is_one(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "p", [1.0, -1.0], ["walk", "sit"], [1, 2], ["test", "test"])
    judged(folder, tmp_path / "out")
    assert metrics(tmp_path / "out")["temperature"] == 1.0


def test_an_empty_test_split_is_refused(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "p", [1.0, -1.0], ["walk", "sit"], [1, 2], ["validation", "train"])
    with pytest.raises(InputError, match="test split has no window"):
        judged(folder, tmp_path / "out")


def test_an_unknown_activity_is_refused(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "p", [1.0], ["dance"], [1], ["test"])
    with pytest.raises(InputError, match=r"dance are not in classes\.json"):
        judged(folder, tmp_path / "out")


def test_windows_that_do_not_fit_the_index_are_refused(prepare: Path, tmp_path: Path) -> None:
    np.save(prepare / "windows.npy", np.zeros((3, SPEC.frames, 12, 3), np.float32))
    with pytest.raises(InputError, match=r"has 3 windows, index\.parquet has 10"):
        judged(prepare, tmp_path / "out")


def test_the_stage_with_a_real_network(prepare: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.output("prepare").parent.mkdir(parents=True)
    prepare.rename(workspace.output("prepare"))
    windows = np.load(workspace.output("prepare") / "windows.npy")
    FeaturePipeline(BODY_12, SPEC).fit(windows).save(workspace.output("prepare") / "features.json")
    torch.manual_seed(0)
    card = models.NetworkCard("tcn", {}, BODY_12.name, tuple(CLASSES), SPEC.frames)
    models.save(workspace.output("train"), models.build("tcn", BODY_12, 2), card)
    outputs = workspace.output("evaluate")
    outputs.mkdir()
    workspace.output("ingest").mkdir()
    index = pd.read_parquet(workspace.output("prepare") / "index.parquet")
    clips = index.drop_duplicates("clip")[["clip", "activity", "subject"]].assign(split=None, medium="m")
    clips["medium"] += clips["clip"].astype(str)
    tested = clips["subject"].isin(index.loc[index["split"] == "test", "subject"])
    lost = clips[tested].head(1).assign(clip=999, medium="nobody in it")
    (workspace.output("prepare") / "result.json").write_text('{"split_by": "subject"}')
    pd.concat([clips, lost]).to_parquet(workspace.output("ingest") / "clips.parquet")
    first = evaluate.run(EvaluateParams(), workspace, outputs)
    assert first.clips_without_prediction == 1
    written = (outputs / "metrics.json").read_bytes()
    assert first.clips == 4
    assert evaluate.run(EvaluateParams(batch_size=2), workspace, outputs).accuracy == first.accuracy
    assert evaluate.run(EvaluateParams(), workspace, outputs) == first
    assert (outputs / "metrics.json").read_bytes() == written


def test_a_network_that_does_not_belong_to_this_data_is_named(prepare: Path, tmp_path: Path) -> None:
    """Other activities, another skeleton, other windows, none at all: one sentence each, before anything is judged."""
    workspace = Workspace(tmp_path / "w")
    workspace.output("prepare").parent.mkdir(parents=True)
    prepare.rename(workspace.output("prepare"))
    windows = np.load(workspace.output("prepare") / "windows.npy")
    FeaturePipeline(BODY_12, SPEC).fit(windows).save(workspace.output("prepare") / "features.json")

    def refused(match: str, **changes: Any) -> None:
        card = models.NetworkCard("linear", {}, BODY_12.name, tuple(CLASSES), SPEC.frames)
        models.save(workspace.output("train"), models.build("linear", BODY_12, 2), replace(card, **changes))
        with pytest.raises(CheckpointError, match=match):
            evaluate.run(EvaluateParams(), workspace, workspace.output("evaluate"))

    refused(r"trained for classes \['sit', 'run'\], wanted \['sit', 'walk'\]; train again", classes=("sit", "run"))
    refused("trained for skeleton coco-17, wanted body-12; train again", skeleton="coco-17")
    refused("trained on windows of 64 poses, prepare makes 4; train again", frames=64)
    with pytest.raises(CheckpointError, match=r"no trained network in .*ensemble, which evaluate\.network names"):
        evaluate.run(EvaluateParams(network="build/ensemble"), workspace, workspace.output("evaluate"))
    (workspace.output("prepare") / "classes.json").unlink()
    with pytest.raises(InputError, match=r"no .*classes\.json: run `posemill stage prepare`"):
        evaluate.run(EvaluateParams(), workspace, workspace.output("evaluate"))
    assert not workspace.output("evaluate").exists()
