"""Networks of different kinds and seeds, fused by what they say of validation clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from judged_workspace import CLASSES, SPEC, judged_workspace
from posemill import models
from posemill.cli.assemble import assemble as command
from posemill.errors import CheckpointError, InputError
from posemill.evaluation.calibration import softmax
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.models.inference import predict_logits
from posemill.operations import assemble
from posemill.packaging.export import to_onnx, to_openvino
from posemill.packaging.parity import require_parity
from posemill.pose.skeleton import BODY_12
from posemill.stages.workspace import Workspace
from small_networks import SMALL


def trained(
    folder: Path, seed: int, name: str = "tcn", classes: list[str] = CLASSES, frames: int = SPEC.frames, **hyper: object
) -> Path:
    """A folder as train writes it, with random weights that tell windows apart."""
    torch.manual_seed(seed)
    hyper = {**SMALL[name], **hyper}
    network = models.build(name, BODY_12, len(classes), **hyper).eval()
    with torch.no_grad():
        for parameter in list(network.parameters())[-2:]:
            parameter *= 10
    models.save(folder, network, models.NetworkCard(name, hyper, BODY_12.name, tuple(classes), frames))
    return folder


def solved(folder: Path, inputs: Workspace) -> Path:
    """The linear baseline, fitted to the train windows."""
    prepare = inputs.output("prepare")
    index = pd.read_parquet(prepare / "index.parquet")
    rows = np.flatnonzero(index["split"] == "train")
    x = FeaturePipeline.load(prepare / "features.json").transform(np.load(prepare / "windows.npy")[rows])
    target = torch.tensor([CLASSES.index(a) for a in index["activity"].iloc[rows]])
    network = models.build("linear", BODY_12, len(CLASSES))
    network.solve([torch.from_numpy(x)], target)  # type: ignore[operator]
    models.save(folder, network.eval(), models.NetworkCard("linear", {}, BODY_12.name, tuple(CLASSES), SPEC.frames))
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> Workspace:
    return judged_workspace(tmp_path)


def validation_accuracy(inputs: Workspace, folder: Path) -> float:
    """Of what is in a folder, worked out here."""
    prepare = inputs.output("prepare")
    features = FeaturePipeline.load(prepare / "features.json")
    network, _ = models.load(folder, CLASSES, features.skeleton)
    index = pd.read_parquet(prepare / "index.parquet")
    index = index[index["split"] == "validation"]
    windows = np.load(prepare / "windows.npy")
    said = softmax(predict_logits(network, features, windows, index["window"].to_numpy(), 64)).astype(np.float32)
    clips, verdict = grouped_probabilities(said, index["clip"].to_numpy())
    actual = index.drop_duplicates("clip").set_index("clip").loc[clips, "activity"]
    return float(np.mean([CLASSES[v] == a for v, a in zip(verdict.argmax(1), actual, strict=True)]))


def test_what_is_written_is_as_good_as_was_said_and_is_one_network(inputs: Workspace, tmp_path: Path) -> None:
    """The record says which; the folder holds their mean; a single file of it says the same in both runtimes."""
    folders = [
        trained(tmp_path / "a", 1),
        trained(tmp_path / "b", 2, streams=["bone"]),
        trained(tmp_path / "c", 3, "stgcn"),
    ]
    out = tmp_path / "ensemble"
    result = assemble.run(folders, out, 0.0, inputs)
    assert validation_accuracy(inputs, out) == pytest.approx(result.accuracy)
    assert [round(validation_accuracy(inputs, f), 6) for f in folders] == [m.accuracy for m in result.members]
    assert result.best_accuracy == max(e["accuracy"] for e in result.by_size)
    assert json.loads((out / "assemble.json").read_text())["reason"] == result.reason
    assert result.clips == 9
    every = tmp_path / "all"
    from posemill.models.ensemble import make_ensemble

    models.save(every, *make_ensemble([models.load(f) for f in folders], BODY_12))
    network, card = models.load(every, CLASSES, BODY_12)
    features = FeaturePipeline.load(inputs.output("prepare") / "features.json")
    x = features.transform(np.load(inputs.output("prepare") / "windows.npy")[:8])
    onnx = to_onnx(network, card.frames, BODY_12, tmp_path / "activity.onnx")
    assert require_parity(onnx, network, x) < 1e-4
    assert require_parity(to_openvino(onnx, tmp_path / "activity.xml"), network, x) < 1e-4


def test_one_that_is_right_alone_is_chosen_alone(inputs: Workspace, tmp_path: Path) -> None:
    folders = [trained(tmp_path / "a", 1), solved(tmp_path / "linear", inputs)]
    result = assemble.run(folders, tmp_path / "out", 0.0, inputs)
    assert [m.chosen for m in result.members] == [False, True]
    assert "one network" in result.reason
    assert "of 3 ensembles tried on 9 validation clips" in result.reason
    assert models.load(tmp_path / "out")[1].name == "linear"
    again = assemble.run(folders, tmp_path / "out", 0.0, inputs)
    assert again == result


def test_a_network_that_does_not_belong_here_is_named(inputs: Workspace, tmp_path: Path) -> None:
    good = trained(tmp_path / "good", 0)
    strange = trained(tmp_path / "strange", 1, classes=["rest", "squat", "jump"])
    with pytest.raises(CheckpointError, match=r"strange: trained for classes \['rest', 'squat', 'jump'\], wanted"):
        assemble.run([good, strange], tmp_path / "out", 0.0, inputs)
    with pytest.raises(CheckpointError, match=r"long: trained on windows of 99 poses, prepare makes 12"):
        assemble.run([good, trained(tmp_path / "long", 1, frames=99)], tmp_path / "out", 0.0, inputs)
    with pytest.raises(InputError, match=r"good and .*copy hold the same network"):
        assemble.run([good, trained(tmp_path / "copy", 0)], tmp_path / "out", 0.0, inputs)
    with pytest.raises(CheckpointError, match=r"no trained network in .*nowhere"):
        assemble.run([good, tmp_path / "nowhere"], tmp_path / "out", 0.0, inputs)
    assert not (tmp_path / "out").exists()


def test_without_validation_windows_nothing_is_chosen(inputs: Workspace, tmp_path: Path) -> None:
    path = inputs.output("prepare") / "index.parquet"
    index = pd.read_parquet(path)
    index.assign(split=index["split"].replace("validation", "train")).to_parquet(path)
    with pytest.raises(InputError, match="validation split has no window, so nothing can be chosen"):
        assemble.run([trained(tmp_path / "a", 0)], tmp_path / "out", 0.0, inputs)


def test_the_command_says_what_it_chose_and_why(inputs: Workspace, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(inputs.root))
    arguments = [
        str(trained(tmp_path / "a", 1)),
        str(solved(tmp_path / "linear", inputs)),
        "--out",
        str(tmp_path / "out"),
    ]
    shown = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert "One clip is 11.11%" in shown.output
    assert "then `dvc repro`" in shown.output
    as_json = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(as_json.output)["members"][1]["chosen"]
