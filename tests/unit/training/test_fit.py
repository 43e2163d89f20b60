"""Training on analytic motion: who sways sideways, who up and down, who not at all."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from posemill import models
from posemill.errors import InputError
from posemill.features.augment import Augmentation
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import BODY_12
from posemill.training import fit as training
from posemill.training import sanity
from posemill.training.datamodule import WindowData, WindowIndex, _Rows, transform_windows
from posemill.training.fit import fit
from posemill.training.module import ActivityModule
from swaying_people import Data, swaying

CLASSES = ["nod", "still", "sway"]
PARAMS = TrainParams(
    min_windows_per_epoch=0,
    network="tcn",
    hyper={"tcn": {"width": 16, "dilations": (1, 2)}},
    epochs=5,
    batch=16,
    threads=1,
    learning_rate=8e-3,
    augment=AugmentParams(swap_stretches=0),  # five epochs are few for learning that sides may change places
)


@pytest.fixture(scope="module")
def data() -> Data:
    return swaying()


def test_it_learns_what_is_there_and_repeats_under_a_seed(data: Data, tmp_path: Path) -> None:
    first = fit(PARAMS, *data, CLASSES, tmp_path / "a")
    second = fit(PARAMS, *data, CLASSES, tmp_path / "b")
    assert first.validation_accuracy > 0.9
    assert [r["epoch"] for r in first.history] == list(range(5))
    assert first.history[-1]["train.loss"] < first.history[0]["train.loss"]
    assert not first.network.training
    assert first.card.classes == tuple(CLASSES)
    assert first.card.frames == 16
    for a, b in zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_pretrained_body_gets_a_last_layer_of_class_means(data: Data, tmp_path: Path) -> None:
    first = fit(PARAMS, *data, CLASSES, tmp_path / "a")
    models.save(tmp_path, first.network, first.card)
    hardly = PARAMS.model_copy(update={"epochs": 1, "learning_rate": 1e-6, "pretrained_parts": "body"})
    again = fit(hardly, *data, CLASSES, tmp_path / "b", pretrained=tmp_path)
    assert again.validation_accuracy > 0.9  # of a random last layer it would be a third


def test_a_killed_training_ends_as_if_it_had_not_been(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(PARAMS, *data, CLASSES, tmp_path / "whole", live=tmp_path / "curves")
    end_of_epoch = training._History.on_train_epoch_end

    def killed(self: object, trainer: object, module: object) -> None:
        if getattr(trainer, "current_epoch", 0) == 3:
            raise MemoryError("killed")
        end_of_epoch(self, trainer, module)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training._History, "on_train_epoch_end", killed)
        with pytest.raises(MemoryError):
            fit(PARAMS, *data, CLASSES, tmp_path / "part", live=tmp_path / "again")
    shutil.rmtree(tmp_path / "again")  # as DVC does
    resumed = fit(PARAMS, *data, CLASSES, tmp_path / "part", live=tmp_path / "again")
    assert resumed.resumed_from_epoch == 3
    assert [r["epoch"] for r in resumed.history] == list(range(5))
    assert resumed.history == whole.history
    for a, b in zip(whole.network.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not (tmp_path / "part").exists()
    curves = {p.relative_to(tmp_path / "curves"): p.read_bytes() for p in (tmp_path / "curves").rglob("*.*")}
    assert len(curves) > 4
    assert {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*.*")} == curves


def test_matrix_products_in_16_bits_learn_the_same_and_resume(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = PARAMS.model_copy(update={"precision": "bf16-mixed"})
    exact = fit(PARAMS, *data, CLASSES, tmp_path / "exact")
    mixed = fit(params, *data, CLASSES, tmp_path / "mixed")
    assert mixed.validation_accuracy > 0.9
    assert all(v.dtype != torch.bfloat16 for v in mixed.network.state_dict().values())
    for one, other in zip(exact.history, mixed.history, strict=True):
        assert one["train.loss"] != other["train.loss"]
        assert abs(one["train.loss"] - other["train.loss"]) < 0.1

    def killed(epoch: int, score: float) -> None:
        if epoch == 2:
            raise MemoryError("killed")

    with pytest.raises(MemoryError):
        fit(params, *data, CLASSES, tmp_path / "part", on_epoch=killed)
    resumed = fit(params, *data, CLASSES, tmp_path / "part")
    assert resumed.resumed_from_epoch in (2, 3)
    assert resumed.history == mixed.history


_FIT = """
import json, pickle, sys
from posemill.training.fit import fit
given = pickle.load(open(sys.argv[1], "rb"))
result = fit(*given)
json.dump((result.history, result.validation_accuracy), open(sys.argv[2], "w"))
"""


def test_two_devices_share_every_batch(data: Data, tmp_path: Path) -> None:
    """The training runs in a process of its own: what trained before here leaves threads that cannot be forked."""
    params = PARAMS.model_copy(update={"devices": 2, "augment": PARAMS.augment})
    (tmp_path / "given").write_bytes(pickle.dumps((params, *data, CLASSES, tmp_path / "two")))
    subprocess.run([sys.executable, "-c", _FIT, str(tmp_path / "given"), str(tmp_path / "found")], check=True)
    history, validation_accuracy = json.loads((tmp_path / "found").read_text())
    assert [r["epoch"] for r in history] == list(range(5))
    assert validation_accuracy > 0.9
    one = WindowData(*data[:2], Augmentation(data[2], PARAMS.augment), PARAMS)
    parts = [_Rows(one.epoch_rows(0), one.batch, True, part, 2).batches for part in (0, 1)]
    whole = _Rows(one.epoch_rows(0), one.batch, True).batches
    for first, second, batch in zip(*parts, whole, strict=True):
        assert len(first) == len(second)
        assert set(first) | set(second) == set(batch)


def test_the_stgcn_learns_too(data: Data, tmp_path: Path) -> None:
    params = PARAMS.model_copy(
        update={"network": "stgcn", "hyper": {"stgcn": {"widths": (15, 15)}}, "epochs": 5, "batch": 8}
    )
    assert fit(params, *data, CLASSES, tmp_path / "a").validation_accuracy > 0.8


def test_one_epoch_of_one_batch_is_a_training_too(data: Data, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"epochs": 1, "batch": 500})
    assert len(fit(params, *data, CLASSES, tmp_path / "a").history) == 1


def test_figures_go_to_dvclive(data: Data, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"epochs": 2})
    fit(params, *data, CLASSES, tmp_path / "a", live=tmp_path / "live")
    rows = (tmp_path / "live/plots/metrics/validation.accuracy.tsv").read_text().splitlines()
    assert len(rows) == 3


def relabelled(data: Data, change: Callable[[WindowIndex], WindowIndex]) -> Data:
    return data[0], change(data[1]), data[2]


def test_one_activity_only_is_refused(data: Data, tmp_path: Path) -> None:
    single = relabelled(data, lambda i: WindowIndex(np.zeros_like(i.target), i.clip, i.split))
    with pytest.raises(InputError, match=r"at least 2 activities, came .*still.*: add clips"):
        fit(PARAMS, *single, ["still"], tmp_path)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_empty_split_is_refused(data: Data, split: str, tmp_path: Path) -> None:
    empty = relabelled(data, lambda i: WindowIndex(i.target, i.clip, np.where(i.split == split, "test", i.split)))
    with pytest.raises(InputError, match=f"no window in the {split} split: add clips of more subjects"):
        fit(PARAMS, *empty, CLASSES, tmp_path)


def test_an_activity_without_train_windows_is_refused(data: Data, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no train window of fall"):
        fit(PARAMS, *data, [*CLASSES, "fall"], tmp_path)


def test_a_loss_that_is_no_number_stops_with_advice(data: Data) -> None:
    broken = torch.nn.Module()
    broken.forward = lambda x: x.flatten(1)[:, :3] * float("nan")  # type: ignore[assignment]
    module = ActivityModule(broken, PARAMS, 10)
    batch = (torch.from_numpy(data[0][:8]), torch.from_numpy(data[1].target[:8]), torch.zeros(8))
    with pytest.raises(InputError, match=r"loss became nan in epoch 0: lower train.learning_rate"):
        module.training_step(batch, 0)


def test_weights_that_break_in_the_last_step_stop_with_advice(data: Data, tmp_path: Path) -> None:
    """Lightning would end such a training without a word, and call it early stopping."""
    params = PARAMS.model_copy(update={"learning_rate": 1e30, "batch": 500, "epochs": 3})
    with pytest.raises(
        InputError, match=r"(training|validation) loss became .*: lower train.learning_rate \(now 1e\+30"
    ):
        fit(params, *data, CLASSES, tmp_path / "a")
    module = ActivityModule(torch.nn.Identity(), PARAMS.model_copy(update={"precision": "16-mixed"}), 10)
    module.validated.append((torch.full((2, 3), torch.nan), torch.tensor([0, 1]), torch.tensor([0, 1])))
    with pytest.raises(InputError, match=r"validation loss became nan .* or set train.precision to 32-true"):
        module.on_validation_epoch_end()


@pytest.mark.parametrize(
    ("network", "hyper"), [("tcn", {"width": "wide"}), ("tcn", {"width": -3}), ("stgcn", {"widths": 3})]
)
def test_a_network_that_cannot_be_built_names_its_section(
    data: Data, tmp_path: Path, network: str, hyper: dict[str, object]
) -> None:
    params = PARAMS.model_copy(update={"network": network, "hyper": {network: hyper}})
    with pytest.raises(InputError, match=rf"cannot be built with .*: correct train.hyper.{network}"):
        fit(params, *data, CLASSES, tmp_path / "a")


def test_an_epoch_draws_so_many_windows_of_every_clip(data: Data, tmp_path: Path) -> None:
    windows, index, pipeline = data
    grouped = WindowIndex(index.target, np.arange(len(windows)) // 6, index.split)
    params = PARAMS.model_copy(update={"windows_per_clip": 2})
    module = WindowData(
        transform_windows(windows, pipeline, tmp_path / "w.npy"),
        grouped,
        Augmentation(pipeline, params.augment),
        params,
    )
    rows = module.epoch_rows(0)
    assert set(np.bincount(grouped.clip[rows])) <= {0, 2}
    assert (grouped.split[rows] == "train").all()
    assert sorted(rows) != sorted(module.epoch_rows(1))
    np.testing.assert_array_equal(rows, module.epoch_rows(0))


def test_few_windows_are_passed_over_several_times_an_epoch(data: Data, tmp_path: Path) -> None:
    windows, index, pipeline = data
    train = index.rows("train")
    params = PARAMS.model_copy(update={"min_windows_per_epoch": 2 * len(train) + 1})
    transformed = transform_windows(windows, pipeline, tmp_path / "w.npy")
    module = WindowData(transformed, index, Augmentation(pipeline, params.augment), params)
    rows = module.epoch_rows(0)
    assert len(rows) == 2 * len(train) + 1
    assert sorted(np.bincount(rows)[train]) == [2] * (len(train) - 1) + [3]
    assert sorted(rows[: len(train)]) == sorted(train)
    assert list(rows[: len(train)]) != list(rows[len(train) : 2 * len(train)])
    assert module.steps_per_epoch() == len(rows) // module.batch


def test_sanity_accepts_a_fitting_network_and_leaves_it_alone(data: Data) -> None:
    from posemill import models

    x = torch.from_numpy(data[2].transform(data[0]))
    network = models.build("tcn", BODY_12, 3, width=16, dilations=(1, 2))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = sanity.check_training(network, x, torch.from_numpy(data[1].target), 3)
    assert found["learnt_accuracy"] > 0.9
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_sanity_finds_contradicting_labels_and_wrong_shapes(data: Data) -> None:
    from posemill import models

    x = torch.from_numpy(data[2].transform(data[0]))
    target = torch.from_numpy(data[1].target)
    network = models.build("tcn", BODY_12, 3, width=16, dilations=(1, 2), dropout=0.0)
    with pytest.raises(InputError, match="equal windows with different activities"):
        sanity.check_training(network, x[:1].expand_as(x), target, 3)
    with pytest.raises(InputError, match=r"should answer \(6, 4\)"):
        sanity.check_training(network, x, target, 4)
    prejudiced = models.build("tcn", BODY_12, 3, width=16, dilations=(1, 2))
    torch.nn.init.constant_(prejudiced.head[1].bias[:1], 50.0)
    with pytest.raises(InputError, match=r"near ln 3 = 1.10"):
        sanity.check_training(prejudiced, x, target, 3)
