"""The evaluate stage on Dask workers: the same figures, to the byte, as in one process with as many threads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from judged_workspace import add_network, judged_workspace
from posemill.params.evaluate import EvaluateParams
from posemill.stages import evaluate
from posemill.stages.workspace import Workspace

PARAMS = EvaluateParams(batch_size=2)  # 32 windows a task, of 72 that are tested


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """As train left it, with a network of random weights, and torch with one thread, as workers have it."""
    inputs = judged_workspace(tmp_path / "driver")
    add_network(inputs)
    monkeypatch.setenv("POSEMILL_STORE_URL", str(tmp_path / "store"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield inputs
    torch.set_num_threads(threads)


def evaluated(inputs: Workspace) -> dict[str, bytes]:
    out = inputs.output("evaluate")
    evaluate.run(PARAMS, inputs, out)
    names = ("metrics.json", "predictions.parquet", "calibration.json", "open_set.safetensors", "plots/confusion.csv")
    return {name: (out / name).read_bytes() for name in names}


def test_workers_find_the_same_figures(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alone = evaluated(workspace)
    metrics = json.loads(alone["metrics.json"])
    assert len(metrics["frame_rates"]) == 5
    assert len(alone["open_set.safetensors"]) > 1000
    workspace.params.write_text(yaml.safe_dump({"compute": {"engine": "dask", "workers": 2}}))
    for here in (  # what would answer in this process is not there, but for streams
        "models.inference.predict_logits",
        "evaluation.robustness.perturbations.perturbed_probabilities",
        "stages.robustness.verdicts",
    ):
        monkeypatch.setattr(f"posemill.{here}", None)
    assert evaluated(workspace) == alone
    assert list((tmp_path / "store" / "exchange").iterdir()) == []
