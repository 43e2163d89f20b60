"""The package and accept stages on a small workspace of keypoints, with a real database and a real server.

Slow: that a bento built here starts, answers, is recorded and stops is the product's promise; about a minute.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from packaged import CLASSES, fitted_features, hold_network, some_windows, walking_track
from posemill import models
from posemill.errors import GateError, InputError
from posemill.operations import accept
from posemill.params.evaluate import Gates
from posemill.params.package import AcceptanceParams, PackageParams
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks
from posemill.prediction.model import ActivityModel
from posemill.settings import Settings
from posemill.stages import gate, package
from posemill.stages.workspace import Workspace
from posemill.store.tracks import write_shards

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
MEDIA = [f"{i:064x}" for i in range(6)]
PARAMS = PackageParams(acceptance=AcceptanceParams(clips=6, min_right=0.8, start_s=90))


@pytest.fixture
def workspace(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Everything that stands in build/ before package runs; activities are filled in by `labelled`."""
    inputs = Workspace(settings.workspace)
    for name in ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate", "package"):
        inputs.output(name).mkdir(parents=True)
    off = dict.fromkeys(Gates.model_fields)
    inputs.params.write_text(json.dumps({"evaluate": {"gates": off | {"min_accuracy": 0.8}}}))
    for name in ("bentofile.yaml", "bentofile.analysis.yaml"):
        shutil.copy(REPOSITORY / name, inputs.root / name)
    network, card = hold_network()
    models.save(inputs.output("train"), network, card)
    tracks = [
        MediumTracks(m, "imported", BODY_12, 640, 480, 75, 3.0, (walking_track(seed=i),)) for i, m in enumerate(MEDIA)
    ]
    entries = write_shards(inputs.output("label"), tracks)
    pd.DataFrame({"medium": MEDIA, "shard": [e.shard for e in entries]}).to_parquet(
        inputs.output("label") / "media.parquet"
    )
    pd.DataFrame({"medium": MEDIA, "kind": "keypoints"}).to_parquet(inputs.output("ingest") / "media.parquet")
    (inputs.output("snapshot") / "snapshot.json").write_text("{}")
    prepare = inputs.output("prepare")
    fitted_features().save(prepare / "features.json")
    (prepare / "classes.json").write_text(json.dumps(CLASSES))
    np.save(prepare / "windows.npy", some_windows(6))
    evaluate = inputs.output("evaluate")
    (evaluate / "calibration.json").write_text('{"temperature": 1.5}')
    (evaluate / "metrics.json").write_text('{"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 1.0, "ece": NaN}')
    labelled(inputs, ["rest"] * 6)
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(inputs.root))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    return inputs


def labelled(inputs: Workspace, activities: list[str]) -> None:
    """Say which activity each medium's one clip shows."""
    clips = pd.DataFrame({"clip": range(6), "medium": MEDIA, "start_s": 0.0, "end_s": np.nan, "activity": activities})
    clips["subject"], clips["dataset"] = [f"s{i}" for i in range(6)], "toy"
    clips.to_parquet(inputs.output("ingest") / "clips.parquet")
    clips.to_parquet(inputs.output("validate") / "clips.parquet")
    index = clips.assign(window=range(6), person=0, split="test")
    index.to_parquet(inputs.output("prepare") / "index.parquet")


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_model_is_packaged_once_and_judged_by_its_answers(workspace: Workspace, engine: Engine) -> None:
    folder = workspace.output("package")
    first = package.run(PARAMS, workspace, folder)
    content = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert package.run(PARAMS, workspace, folder) == first
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == content
    assert set(content) == {
        "activity.bin",
        "activity.onnx",
        "activity.xml",
        "bento.json",
        "calibration.json",
        "card.md",
        "classes.json",
        "digests.json",
        "features.json",
        "labeller.json",
        "lineage.parquet",
        "reference.json",
    }
    assert rows(engine, "SELECT bento_tag, stage FROM model_version") == [(first.bento, "candidate")]
    assert rows(engine, "SELECT digests->>'model', metrics->>'ece' FROM model_version") == [(first.model, None)]
    assert "None" not in content["card.md"].decode()

    predictor = ActivityModel.load(folder)
    tracks = (walking_track(seed=i) for i in range(6))
    answers = [CLASSES[predictor.window_probabilities(track).probabilities.prod(0).argmax()] for track in tracks]
    assert len(set(answers)) > 1
    labelled(workspace, [*answers[:5], CLASSES[(CLASSES.index(answers[5]) + 1) % 3]])  # one label is wrong
    shutil.rmtree(workspace.root / ".posemill" / "bentoml")  # a fresh clone has the package, not the store
    accepted = accept.run(PARAMS, workspace, workspace.output("accept"))
    assert (accepted.passed, accepted.right, accepted.clips) == (True, 5, 6)
    assert accepted.bento == first.bento  # keypoints need the small service only
    assert rows(engine, "SELECT passed, client FROM acceptance") == [(True, "acceptance")]
    assert rows(engine, "SELECT stage FROM model_version") == [("accepted",)]


def test_a_gate_stops_everything(workspace: Workspace, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.output("evaluate") / "metrics.json").write_text('{"accuracy": 0.5}')
    (workspace.output("package") / "activity.onnx").write_bytes(b"of an earlier run")
    refused = package.run(PARAMS, workspace, workspace.output("package"))
    assert list(workspace.output("package").iterdir()) == []
    assert "accuracy is 0.5, min_accuracy asks for at least 0.8" in str(refused.refused)
    assert (refused.bento, refused.model_version) == (None, None)
    refused.write(workspace.output("package"))
    for stopped in (lambda: gate.run(workspace), lambda: accept.run(PARAMS, workspace, workspace.output("accept"))):
        with pytest.raises(GateError, match=r"accuracy is 0\.5, min_accuracy asks for at least 0\.8"):
            stopped()
    monkeypatch.setenv("DVC_EXP_NAME", "tried")
    assert gate.run(workspace).refused == refused.refused
    assert not (workspace.root / ".posemill" / "bentoml").exists()
    assert rows(engine, "SELECT 1 FROM model_version") == []


def test_acceptance_needs_a_package(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no package in"):
        accept.run(PARAMS, workspace, workspace.output("accept"))
