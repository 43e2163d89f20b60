"""The baseline is fitted without epochs; other networks may begin with the weights of another training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from posemill import models
from posemill.errors import CheckpointError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.params.train import TrainParams
from posemill.pose.skeleton import BODY_12
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit

CLASSES = ["nod", "still", "sway"]
TCN = TrainParams(
    network="tcn",
    hyper={"tcn": {"width": 16, "dilations": (1, 2)}},
    epochs=1,
    batch=16,
    threads=1,
    min_windows_per_epoch=0,
)
Data = tuple[np.ndarray, WindowIndex, FeaturePipeline]


@pytest.fixture(scope="module")
def data() -> Data:
    """(N, 16, 12, 3) windows whose class is the direction in which the arms swing."""
    random = np.random.default_rng(0)
    target = np.arange(120) % 3
    wave = 40 * np.sin(np.linspace(0, 2 * np.pi, 16)[None, :] + random.uniform(0, 6, (120, 1)))
    xy = 200 + random.normal(0, 40, (1, 1, 12, 2)) + random.normal(0, 2, (120, 16, 12, 2))
    for activity, axis in ((2, 0), (0, 1)):
        xy[target == activity, :, 2:6, axis] += wave[target == activity, :, None]
    windows = np.concatenate([xy, np.ones((120, 16, 12, 1))], -1).astype(np.float32)
    split = np.where(np.arange(120) // 3 % 4 == 0, "validation", "train")
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=16.0)).fit(windows)
    return windows, WindowIndex(target, np.arange(120), split), pipeline


def test_the_baseline_is_fitted_judged_and_reported_as_any_network(data: Data, tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []
    params = TrainParams(network="linear", threads=1)
    first = fit(
        params, *data, CLASSES, tmp_path / "a", live=tmp_path / "live", on_epoch=lambda *args: seen.append(args)
    )
    assert first.validation_accuracy > 0.9
    assert [row["epoch"] for row in first.history] == [0]
    assert first.history[0]["train.loss"] < 0.5
    assert first.card.name == "linear"
    assert not first.network.training
    assert [epoch for epoch, _ in seen] == [0]
    rows = (tmp_path / "live/plots/metrics/validation.accuracy.tsv").read_text().splitlines()
    assert len(rows) == 2
    again = fit(params, *data, CLASSES, tmp_path / "b")
    for a, b in zip(first.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_training_begins_where_another_ended(data: Data, tmp_path: Path) -> None:
    from_nothing = fit(TCN.model_copy(update={"epochs": 6, "learning_rate": 8e-3}), *data, CLASSES, tmp_path / "a")
    models.save(tmp_path / "net", from_nothing.network, from_nothing.card)
    gently = TCN.model_copy(update={"learning_rate": 1e-6})
    fresh = fit(gently, *data, CLASSES, tmp_path / "b")
    started = fit(gently, *data, CLASSES, tmp_path / "c", pretrained=tmp_path / "net")
    assert started.history[0]["train.loss"] < fresh.history[0]["train.loss"] - 0.1


def test_weights_of_other_activities_are_refused_before_anything_is_trained(data: Data, tmp_path: Path) -> None:
    card = models.NetworkCard("tcn", TCN.own_hyper, "body-12", ("run", "sit", "stand"), 16)
    models.save(tmp_path / "net", models.build("tcn", BODY_12, 3, **TCN.own_hyper), card)
    with pytest.raises(CheckpointError, match=r"set train\.pretrained_parts to body"):
        fit(TCN, *data, CLASSES, tmp_path / "a", pretrained=tmp_path / "net")
    body = TCN.model_copy(update={"pretrained_parts": "body"})
    assert fit(body, *data, CLASSES, tmp_path / "b", pretrained=tmp_path / "net").history
