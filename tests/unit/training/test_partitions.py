"""Training from windows in parts: what a device reads, and that two devices do what one does."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from posemill.errors import InputError
from posemill.features.augment import Augmentation
from posemill.params.train import AugmentParams, TrainParams
from posemill.training.datamodule import WindowData, WindowIndex, _Rows, train_parts
from posemill.training.parted_windows import PartedWindows, deal_parts
from swaying_people import Data, swaying

CLASSES = ["nod", "still", "sway"]
PARAMS = TrainParams(
    hyper={"tcn": {"width": 16, "dilations": (1, 2), "dropout": 0.0}},
    epochs=4,
    batch=16,
    mixup=0.0,
    min_windows_per_epoch=0,
    learning_rate=8e-3,
    augment=AugmentParams(swap_stretches=0),
    partitions=4,
)
# Batch normalisation and augmentation are of what one device has of a batch; without them, devices differ by rounding
# alone. The windows note which process reads which rows of them.
_FIT = """
import json, os, pickle, sys
import numpy as np, torch
class Plain(torch.nn.Module):
    def __init__(self, *args, **options):
        super().__init__()
    def forward(self, x):
        return x
if sys.argv[3] == "plain":
    from posemill.features.augment import Augmentation
    torch.nn.BatchNorm1d = torch.nn.BatchNorm2d = Plain
    Augmentation.__call__ = lambda self, x, generator: x
from posemill.training.fit import fit
class Noted:
    def __init__(self, windows, log):
        self.windows, self.log, self.shape = windows, log, windows.shape
    def __len__(self):
        return len(self.windows)
    def __getitem__(self, rows):
        with open(self.log, "a") as file:
            file.write(json.dumps([os.getpid(), np.asarray(rows).tolist()]) + "\\n")
        return self.windows[rows]
if __name__ == "__main__":
    params, windows, *rest = pickle.load(open(sys.argv[1], "rb"))
    result = fit(params, Noted(windows, sys.argv[2] + ".rows"), *rest)
    weights = {name: value.numpy() for name, value in result.network.state_dict().items()}
    pickle.dump((os.getpid(), weights, result.history, result.validation_accuracy), open(sys.argv[2], "wb"))
"""


@pytest.fixture(scope="module")
def data() -> Data:
    return swaying()


def train(
    params: TrainParams, data: Data, folder: Path, name: str, norm: str = "plain"
) -> tuple[Any, dict[int, set[int]]]:
    """Train in a process of its own; return what it found, and the rows that each process read."""
    given, found = folder / f"{name}-given", folder / f"{name}-found"
    given.write_bytes(pickle.dumps((params, *data, CLASSES, folder / name)))
    subprocess.run([sys.executable, "-c", _FIT, str(given), str(found), norm], check=True)
    read: dict[int, set[int]] = {}
    for line in Path(f"{found}.rows").read_text().splitlines():
        pid, rows = json.loads(line)
        read.setdefault(pid, set()).update(rows)
    return pickle.loads(found.read_bytes()), read


def test_two_devices_read_their_own_parts_and_learn_what_one_does(data: Data, tmp_path: Path) -> None:
    one, _ = train(PARAMS, data, tmp_path, "one")
    two, read = train(PARAMS.model_copy(update={"devices": 2}), data, tmp_path, "two")
    parts, validation = train_parts(data[1], PARAMS), set(data[1].rows("validation").tolist())
    launcher = two[0]
    own = [set(np.concatenate(parts[device::2]).tolist()) for device in (0, 1)]
    devices = sorted((rows - validation for pid, rows in read.items() if pid != launcher), key=min)
    assert devices == own  # every row of its own parts, and none of the other's
    assert one[1].keys() == two[1].keys()
    for name, weights in one[1].items():
        np.testing.assert_allclose(two[1][name], weights, rtol=0, atol=1e-5, err_msg=name)
    for first, second in zip(one[2], two[2], strict=True):
        assert first["validation.loss"] == pytest.approx(second["validation.loss"], abs=1e-4)


def test_with_both_of_them_it_learns_too(data: Data, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"epochs": 8, "devices": 2})
    found, _ = train(params, data, tmp_path, "two", "as it is")
    assert found[3] > 0.9


def test_an_epoch_has_every_window_once_and_a_device_its_own(data: Data) -> None:
    module = WindowData(np.zeros((240, 1, 1, 3), np.float32), data[1], Augmentation(data[2], PARAMS.augment), PARAMS)
    rows = module.epoch_rows(3)
    assert len(rows) == len(set(rows)) == 180
    assert set(rows) == set(data[1].rows("train"))
    for device in (0, 1):
        batches = _Rows(rows, module.batch, True, device, 2).batches
        assert {len(batch) for batch in batches} == {8}
        assert set(np.concatenate(batches)) <= set(np.concatenate(module.parts[device::2]))


def test_parts_end_between_clips() -> None:
    clip = np.repeat([5, 6, 7, 8], [10, 1, 1, 8])
    assert [len(part) for part in deal_parts(np.arange(20), clip, 2)] == [10, 10]
    assert [len(part) for part in deal_parts(np.arange(20), clip, 3)] == [10, 2, 8]
    with pytest.raises(InputError, match=r"4 clips .* 5 parts"):
        deal_parts(np.arange(20), clip, 5)
    with pytest.raises(ValidationError, match="multiple of devices"):
        TrainParams(devices=2, partitions=3)


def test_a_part_that_nobody_asks_for_is_not_made(data: Data, tmp_path: Path) -> None:
    windows, index, pipeline = data
    parts = [*train_parts(index, PARAMS), index.rows("validation")]
    parted = PartedWindows(windows, pipeline, parts, tmp_path)
    rows = np.array([parts[2][5], parts[2][0]])
    np.testing.assert_array_equal(parted[rows], pipeline.transform(windows[rows]))
    assert [path.name for path in tmp_path.iterdir()] == ["windows-2.npy"]
    with pytest.raises(IndexError, match="no part"):
        PartedWindows(windows, pipeline, parts[:1], tmp_path)[parts[1]]


def test_one_part_is_what_it_was() -> None:
    index = WindowIndex(np.arange(40) % 3, np.arange(40), np.repeat("train", 40))
    params = TrainParams(min_windows_per_epoch=100)
    module = WindowData(
        np.zeros((40, 1, 1, 3), np.float32), index, Augmentation(swaying(12)[2], params.augment), params
    )
    random = np.random.default_rng([0, 2])
    expected = np.concatenate([random.permutation(40) for _ in range(3)])[:100]
    np.testing.assert_array_equal(module.epoch_rows(2), expected)
