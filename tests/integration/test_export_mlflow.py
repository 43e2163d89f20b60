"""Export to MLflow: a real store in SQLite, and a real server where POSEMILL_TEST_MLFLOW names its command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from event_receivers import free_port
from posemill.errors import InputError, Unavailable
from posemill.operations.export_mlflow import export_runs
from posemill.operations.mlflow_run import ModelRun, model_run
from posemill.prediction.packaged import PACKAGED
from posemill.stages.workspace import Workspace

pytest.importorskip("mlflow", reason="mlflow-skinny is not installed: extra `mlflow`")
OLD, NEW = "posemill-activity:aaaa", "posemill-activity:bbbb"
SERVER = os.environ.get("POSEMILL_TEST_MLFLOW")


def version(tag: str, hour: int, stage: str = "candidate", accuracy: float = 0.9) -> Any:
    return {
        "bento_tag": tag,
        "stage": stage,
        "digests": {"model": "f" * 64, "lineage": "e" * 64, "code": "c" * 40},
        "metrics": {"accuracy": accuracy, "recall": {"push up": 0.5, "wave (left)": 1.0}, "auroc": None, "gates": [1]},
        "classes": ["push up", "wave (left)"],
        "added_by": "stage package",
        "added_at": datetime(2026, 1, 2, hour, tzinfo=UTC),
    }


@pytest.fixture
def inputs(tmp_path: Path) -> Workspace:
    """A workspace whose build/ is of the version NEW."""
    found = Workspace(tmp_path / "workspace")
    for stage in ("package", "train", "evaluate", "snapshot"):
        found.output(stage).mkdir(parents=True)
    for name in ("activity.onnx", "features.json", "classes.json", "calibration.json", "labeller.json", "card.md"):
        shutil.copy(PACKAGED / name, found.output("package"))
    (found.output("package") / "bento.json").write_text(json.dumps({"activity": NEW}))
    epochs = [{"epoch": n, "train.loss": 2.0 - n, "validation.accuracy": 0.5 + n / 10} for n in range(3)]
    (found.output("train") / "history.json").write_text(json.dumps({"sanity": {}, "epochs": epochs}))
    (found.output("evaluate") / "report.html").write_text("<html></html>")
    found.params.write_text("train: {epochs: 3, augment: {jitter: 0.02}}\nsnapshot: {datasets: [gym, home]}\n")
    return found


@pytest.fixture
def runs(inputs: Workspace) -> list[ModelRun]:
    return [model_run(version(NEW, 9, "released"), inputs), model_run(version(OLD, 8), inputs)]


def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def check_whole(uri: str, folder: Path) -> None:
    """What two versions look like in MLflow."""
    there = client(uri)
    experiment = there.get_experiment_by_name("gym").experiment_id
    found = {run.info.run_name: run for run in there.search_runs([experiment])}
    assert set(found) == {OLD, NEW}
    run = found[NEW]
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "train.epochs": "3",
        "train.augment.jitter": "0.02",
        "snapshot.datasets": "['gym', 'home']",
    }
    assert run.data.metrics["test.accuracy"] == 0.9
    assert run.data.metrics["test.recall.wave _left_"] == 1.0
    assert "test.auroc" not in run.data.metrics
    losses = there.get_metric_history(run.info.run_id, "train.loss")
    assert [(m.step, m.value) for m in losses] == [(0, 2.0), (1, 1.0), (2, 0.0)]
    assert run.data.tags["posemill.digest.lineage"] == "e" * 64
    assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
    assert run.data.tags["mlflow.note.content"].startswith("# Activity model of posemill")
    names = {file.path for file in there.list_artifacts(run.info.run_id, "model")}
    assert {"model/MLmodel", "model/activity.onnx", "model/features.json"} <= names
    assert {file.path for file in there.list_artifacts(run.info.run_id, "evaluate")} == {"evaluate/report.html"}
    assert found[OLD].data.params == {}
    assert [m.value for m in there.get_metric_history(found[OLD].info.run_id, "test.accuracy")] == [0.9]
    (registered,) = there.search_model_versions("name = 'activity'")
    assert registered.run_id == run.info.run_id
    assert registered.tags["posemill.bento_tag"] == NEW
    assert there.get_model_version_by_alias("activity", "champion").version == registered.version
    check_model(Path(there.download_artifacts(run.info.run_id, "model", str(folder))))


def check_model(folder: Path) -> None:
    """The model is read by MLflow as an ONNX model, and its file runs on what the signature says."""
    import onnxruntime
    from mlflow.models import Model

    model = Model.load(str(folder))
    assert set(model.flavors) == {"onnx", "python_function"}
    assert model.signature is not None
    (windows,) = model.signature.inputs.inputs
    session = onnxruntime.InferenceSession(folder / model.flavors["onnx"]["data"])
    shape = (2, *windows.shape[1:])
    (logits,) = session.run(None, {windows.name: np.zeros(shape, windows.type)})
    assert logits.shape == (2, *model.signature.outputs.inputs[0].shape[1:])


def test_export_to_a_database_twice_makes_each_run_once(runs: list[ModelRun], tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = export_runs(runs, uri, "gym", "activity")
    assert (done.runs, done.known, done.replaced, done.registered) == (2, 0, 0, 1)
    check_whole(uri, tmp_path)
    assert (tmp_path / "mlflow-artifacts").is_dir()
    again = export_runs(runs, uri, "gym", "activity")
    assert (again.runs, again.known, again.replaced, again.registered) == (0, 2, 0, 0)
    check_whole(uri, tmp_path)


def test_new_figures_replace_a_run_and_lost_files_do_not(
    runs: list[ModelRun], inputs: Workspace, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    export_runs(runs, uri, "gym", "activity")
    better = model_run(version(OLD, 8, accuracy=0.95), inputs)
    done = export_runs([better], uri, "gym", "activity")
    assert (done.runs, done.known, done.replaced, done.registered) == (1, 0, 1, 0)
    (inputs.output("package") / "bento.json").write_text(json.dumps({"activity": "posemill-activity:cccc"}))
    bare = model_run(version(NEW, 9, "retired"), inputs)  # another model is in build/ now
    assert bare.model == ()
    done = export_runs([bare], uri, "gym", "activity")
    assert (done.runs, done.known, done.registered) == (0, 1, 0)
    there = client(uri)
    (registered,) = there.search_model_versions("name = 'activity'")
    assert registered.tags["posemill.stage"] == "retired"


def test_an_unfinished_run_is_replaced(runs: list[ModelRun], tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    there = client(uri)
    experiment = there.create_experiment("gym", artifact_location=(tmp_path / "a").as_uri())
    there.create_run(experiment, tags={"posemill.bento_tag": NEW}, run_name=NEW)  # and then it was killed
    done = export_runs(runs, uri, "gym", "activity")
    assert (done.runs, done.replaced) == (2, 1)
    assert len(there.search_runs([experiment])) == 2


def test_where_nobody_answers_it_says_so(runs: list[ModelRun], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unavailable, match="no MLflow server answers at http://127"):
        export_runs(runs, "http://127.0.0.1:9", "gym", "activity")
    with pytest.raises(InputError, match="MLflow at"):
        export_runs(runs, "nonsense://x", "gym", "activity")


@pytest.mark.skipif(SERVER is None, reason="POSEMILL_TEST_MLFLOW names no `mlflow` command: its server is large")
def test_export_to_a_server(runs: list[ModelRun], tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{tmp_path / 'server.db'}"
    command = [str(SERVER), "server", "--port", str(port), "--backend-store-uri", store, "--workers", "1"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--artifacts-destination", str(tmp_path / "served")],
            stdout=log,
            stderr=log,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            cwd=tmp_path,
            start_new_session=True,
        )
    try:
        _wait(uri, server)
        assert export_runs(runs, uri, "gym", "activity").registered == 1
        check_whole(uri, tmp_path)
        assert export_runs(runs, uri, "gym", "activity").known == 2
        check_whole(uri, tmp_path)
    finally:
        os.killpg(server.pid, 15)
        server.wait(60)


def _wait(uri: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=5):
                return
        except OSError:
            assert server.poll() is None
            time.sleep(1)
    raise AssertionError("the MLflow server does not answer")
