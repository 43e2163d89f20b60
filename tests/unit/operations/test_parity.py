"""Parity: the runtimes of a package agree on golden clips, and a difference is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_exports import small_export
from packaged import CLASSES, hold_network, hold_score, walking_track, write_package
from posemill import models
from posemill.errors import InputError, PosemillError
from posemill.operations import parity
from posemill.operations.parity import Question, run
from posemill.packaging.digests import of_file
from posemill.prediction.golden import GoldenTrack, answer
from posemill.prediction.model import ActivityModel
from posemill.stages.workspace import Workspace


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """A workspace with a trained network, its package, and an export of it."""
    root = tmp_path_factory.mktemp("workspace")
    (root / "params.yaml").write_text("evaluate: {network: build/train}\n")
    network, card = hold_network()
    models.save(root / "build" / "train", network, card)
    folder = root / "build" / "package"
    folder.mkdir()
    write_package(folder, weights=of_file(root / "build" / "train" / "network.safetensors"))
    edge = small_export(root / "edge", package=folder)
    tracks = tuple(GoldenTrack(f"clip {n}", walking_track(seed=n), 640, 480) for n in range(3))
    return Question(Workspace(root), folder, ActivityModel.load(folder), tracks, edge=edge)


def test_the_runtimes_agree(question: Question) -> None:
    outcomes = run(question, ["pytorch", "onnxruntime", "openvino", "edge"])
    assert [outcome.runtime for outcome in outcomes] == ["pytorch", "onnxruntime", "openvino", "edge"]
    assert all(outcome.passed and outcome.windows > 3 for outcome in outcomes)
    assert max(outcome.difference for outcome in outcomes) < 1e-4


def test_the_runtimes_agree_on_none_of_these(tmp_path: Path) -> None:
    """The open-set score is part of the exported network; PyTorch has it from what evaluation left."""
    (tmp_path / "params.yaml").write_text("evaluate: {network: build/train}\n")
    network, card = hold_network()
    models.save(tmp_path / "build" / "train", network, card)
    folder, score = tmp_path / "build" / "package", hold_score()
    (tmp_path / "build" / "evaluate").mkdir()
    score.save(tmp_path / "build" / "evaluate")
    folder.mkdir()
    write_package(folder, weights=of_file(tmp_path / "build" / "train" / "network.safetensors"), open_set=score)
    edge = small_export(tmp_path / "edge", package=folder)
    model = ActivityModel.load(folder)
    tracks = tuple(GoldenTrack(f"clip {n}", walking_track(seed=n), 640, 480) for n in range(3))
    asked = Question(Workspace(tmp_path), folder, model, tracks, edge=edge)
    said = [answer(model, GoldenTrack("", walking_track(seed=n), 640, 480)).verdict for n in range(12)]
    assert model.classes == (*CLASSES, "none of these")
    assert {v["activity"] == "none of these" for v in said if v} == {True, False}
    assert all(v["abstained"] for v in said if v and v["activity"] == "none of these")
    outcomes = run(asked, ["pytorch", "onnxruntime", "openvino", "edge"])
    assert all(outcome.passed and outcome.windows > 3 for outcome in outcomes)
    (tmp_path / "build" / "evaluate" / "open_set.safetensors").unlink()
    with pytest.raises(InputError, match="has no open-set score, and the packaged model has one"):
        run(asked, ["pytorch"])


def test_a_difference_is_told_with_its_clips(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(asked: Question) -> list:
        clips = [answer(asked.model, track) for track in asked.tracks]
        clips[1] = replace(clips[1], probabilities=clips[1].probabilities + np.float32(0.0011))
        return clips

    monkeypatch.setattr(parity, "RUNTIMES", {"shifted": shifted, "few": lambda asked: []})
    (outcome,) = run(question, ["shifted"])
    assert not outcome.passed
    assert outcome.differing == ("clip 1",)
    with pytest.raises(PosemillError, match="few answered 0 of 3"):
        run(question, ["few"])
    with pytest.raises(InputError, match="unknown runtime torch; known are shifted, few"):
        run(question, ["torch"])


def test_models_that_do_not_belong_together_are_refused(question: Question, tmp_path: Path) -> None:
    network, card = hold_network()
    models.save(tmp_path / "build" / "train", network, replace(card, classes=(*CLASSES[:2], "sit")))
    (tmp_path / "params.yaml").write_text("evaluate: {network: build/train}\n")
    weights = tmp_path / "build" / "train" / "network.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(InputError, match="was not made of"):
        run(replace(question, inputs=Workspace(tmp_path)), ["pytorch"])
    with pytest.raises(InputError, match="has other golden clips"):
        run(replace(question, tracks=[GoldenTrack("other", walking_track(), 640, 480)]), ["edge"])
