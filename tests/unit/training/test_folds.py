"""Training in folds: who is in which fold, nobody is judged by a network that saw them, and a kill costs one fold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.errors import CheckpointError, InputError
from posemill.models.inference import predict_logits
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.params.train import TrainParams
from posemill.training import folds
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import FitResult, fit
from swaying_people import Data, swaying

CLASSES = ["nod", "still", "sway"]
PARAMS = TrainParams(
    min_windows_per_epoch=0,
    network="tcn",
    hyper={"tcn": {"width": 16, "dilations": (1, 2)}},
    epochs=7,
    batch=16,
    threads=1,
    learning_rate=8e-3,
    folds=3,
)


@pytest.fixture(scope="module")
def data() -> tuple[Data, np.ndarray]:
    """Forty people with six clips each; the last eight are for testing."""
    windows, index, pipeline = swaying()
    person = np.arange(len(windows)) // 6
    split = np.where(person >= 32, "test", index.split)
    return (windows, replace(index, split=split), pipeline), person.astype(str)


@settings(max_examples=40, deadline=None)
@given(people=st.integers(6, 30), clips=st.integers(1, 5), count=st.integers(2, 6), seed=st.integers(0, 3))
def test_groups_stay_together_and_everybody_is_held_out_once(people: int, clips: int, count: int, seed: int) -> None:
    group = np.repeat(np.arange(people), 2 * clips).astype(str)  # two windows a clip
    clip = np.repeat(np.arange(people * clips), 2)
    split = np.where(np.arange(len(clip)) >= len(clip) - 2 * clips, "test", "train")
    index = WindowIndex(clip % 2, clip, split)
    if people - 1 < count or max(Counter(clip[::2][:-clips] % 2).values()) < count:
        with pytest.raises(InputError, match=f"train.folds: {count} (needs as many subjects|is more than there are)"):
            folds.assign_folds(index, group, count, seed)
        return
    found = folds.assign_folds(index, group, count, seed)
    assert ((found == -1) == (split == "test")).all()
    assert all(len(set(found[group == who])) == 1 for who in set(group))
    assert set(found) == {-1, *range(count)}
    assert (found == folds.assign_folds(index, group, count, seed)).all()


def test_every_window_is_judged_by_the_network_that_did_not_see_it(
    data: tuple[Data, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (windows, index, pipeline), group = data
    trained: list[tuple[WindowIndex, FitResult]] = []

    def watched(params: TrainParams, windows: Any, index: WindowIndex, *args: Any, **options: Any) -> FitResult:
        trained.append((index, fit(params, windows, index, *args, **options)))
        return trained[-1][1]

    monkeypatch.setattr(folds, "fit", watched)
    result = folds.fit_folds(PARAMS, windows, index, group, pipeline, CLASSES, tmp_path / "s", tmp_path / "live")
    held_out = result.held_out
    assert held_out is not None
    assert np.array_equal(held_out.rows, np.flatnonzero(index.split != "test"))
    for seen, one in trained:
        rows = seen.rows("validation")
        assert not set(group[rows]) & set(group[seen.rows("train")])
        assert "test" not in set(index.split[seen.rows("train")])
        np.testing.assert_allclose(
            held_out.of(rows), predict_logits(one.network, pipeline, windows, rows, 64), rtol=1e-4, atol=1e-4
        )
    assert result.validation_accuracy > 0.9
    assert result.card.name == "ensemble"
    group_subjects = torch.stack(
        [one.network(torch.from_numpy(pipeline.transform(windows[:5]))).log_softmax(-1) for _, one in trained]
    ).mean(0)
    torch.testing.assert_close(result.network(torch.from_numpy(pipeline.transform(windows[:5]))), group_subjects)
    assert Counter(row["fold"] for row in result.history) == {0: 7, 1: 7, 2: 7}
    assert (tmp_path / "live" / "metrics.json").is_file()
    assert not (tmp_path / "s").exists()


def test_a_fold_that_is_done_is_not_done_again(
    data: tuple[Data, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (windows, index, pipeline), group = data
    whole = folds.fit_folds(PARAMS, windows, index, group, pipeline, CLASSES, tmp_path / "whole")
    begun: list[int] = []

    def killed(params: TrainParams, *args: Any, **options: Any) -> FitResult:
        begun.append(params.seed)
        if params.seed == 1 and begun.count(1) == 1:
            raise MemoryError("killed")
        return fit(params, *args, **options)

    monkeypatch.setattr(folds, "fit", killed)
    with pytest.raises(MemoryError):
        folds.fit_folds(PARAMS, windows, index, group, pipeline, CLASSES, tmp_path / "part")
    again = folds.fit_folds(PARAMS, windows, index, group, pipeline, CLASSES, tmp_path / "part")
    assert begun == [0, 1, 1, 2]
    assert again.history == whole.history
    for a, b in zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_what_was_held_out_belongs_to_its_windows(tmp_path: Path) -> None:
    parts = [OutOfFoldPredictions(np.array(rows), np.array(rows, np.float32)[:, None]) for rows in ([5, 1], [2, 7])]
    joined = OutOfFoldPredictions.joined(parts)
    joined.save(tmp_path)
    kept = OutOfFoldPredictions.load(tmp_path, 8)
    assert kept is not None
    assert kept.of(np.array([2, 5])).tolist() == [[2], [5]]
    for rows in ([3], [1, 8]):
        with pytest.raises(CheckpointError, match="train again"):
            kept.of(np.array(rows))
    with pytest.raises(CheckpointError, match="of other windows"):
        OutOfFoldPredictions.load(tmp_path, 7)
    (tmp_path / "out_of_fold.npz").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="cannot be read"):
        OutOfFoldPredictions.load(tmp_path)
    assert OutOfFoldPredictions.load(tmp_path / "elsewhere") is None
