"""Every runtime against PyTorch, on a small network of random weights."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posemill.errors import InputError
from posemill.estimation.runtimes import Network, exported, load_runtime

OTHERS = ["openvino", "onnxruntime"]


class Small(nn.Module):
    """Bytes to two fields, with the operators that pose networks use."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Sequential(
            nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 20, 1)
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.second(torch.relu(self.first(picture.permute(0, 3, 1, 2).float() / 255)))
        fields = nn.functional.pixel_shuffle(raw, 2)
        return torch.sigmoid(raw), fields.view(1, 5, 1, *fields.shape[-2:])


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    small = Small().eval()
    return Network("small", lambda: small)


def pictures(*shapes: tuple[int, int]) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]


@pytest.mark.parametrize("name", OTHERS)
def test_fields_are_those_of_pytorch_for_every_size(name: str, network: Network, tmp_path: Path) -> None:
    runtime, eager = load_runtime(name, network, tmp_path, 2), load_runtime("eager", network, tmp_path, 2)
    for picture in pictures((33, 65), (65, 33), (33, 65)):
        found, wanted = runtime(picture), eager(picture)
        assert [field.shape for field in found] == [field.shape for field in wanted]
        assert [field.shape for field in found][1] == (5, 1, *[2 * -(-side // 4) for side in picture.shape[:2]])
        for field, exact in zip(found, wanted, strict=True):
            assert field.dtype == np.float32
            np.testing.assert_allclose(field, exact, atol=1e-5)


@pytest.mark.parametrize("name", ["eager", *OTHERS])
def test_fields_stay_as_they_are_when_others_follow(name: str, network: Network, tmp_path: Path) -> None:
    runtime = load_runtime(name, network, tmp_path, 2)
    many = pictures(*[(33, 33)] * 24)
    with ThreadPoolExecutor(runtime.workers) as pool:
        together = list(pool.map(runtime, many))
    for found, picture in zip(together, many, strict=True):
        for field, again in zip(found, runtime(picture), strict=True):
            np.testing.assert_array_equal(field, again)


@pytest.mark.parametrize("name", OTHERS)
def test_a_kept_network_is_used_without_the_one_it_came_from(name: str, network: Network, tmp_path: Path) -> None:
    def never() -> nn.Module:
        raise AssertionError("asked for the network")

    (picture,) = pictures((33, 33))
    first = load_runtime(name, network, tmp_path, 1)(picture)
    again = load_runtime(name, Network("small", never), tmp_path, 1)(picture)
    for field, kept in zip(first, again, strict=True):
        np.testing.assert_array_equal(field, kept)
    with pytest.raises(AssertionError, match="asked for the network"):
        load_runtime(name, Network("another", never), tmp_path, 1)(picture)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]


def test_the_sizes_that_were_not_used_for_longest_go(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported, "MOST_SIZES", 2)
    kept = exported.ExportedNetworks(network, tmp_path, "x", ".xml", lambda _, __, path: path.write_text("a network"))
    for age, side in enumerate((17, 33, 17, 49)):  # 33 was used before 17
        with kept.file(side, side) as path:
            assert path.read_text() == "a network"
        os.utime(path.parent, (age, age))
    assert {path.name.rpartition("-")[2] for path in tmp_path.iterdir()} == {"17x17", "49x49"}


@pytest.mark.parametrize("name", OTHERS)
def test_a_cache_that_cannot_be_written_costs_time_only(name: str, network: Network, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    (picture,) = pictures((33, 33))
    assert len(load_runtime(name, network, blocked / "networks", 1)(picture)) == 2


def test_half_precision_is_near_and_not_equal(network: Network, tmp_path: Path) -> None:
    (picture,) = pictures((65, 65))
    half = load_runtime("openvino", network, tmp_path, 1, "bf16")(picture)
    for field, exact in zip(half, load_runtime("eager", network, tmp_path, 1)(picture), strict=True):
        np.testing.assert_allclose(field, exact, atol=0.1)
    for name in ("eager", "onnxruntime"):
        with pytest.raises(InputError, match=r"bf16 needs label\.runtime: openvino"):
            load_runtime(name, network, tmp_path, 1, "bf16")


def test_an_unknown_runtime_lists_the_known_ones(network: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known are eager, cuda, openvino, onnxruntime"):
        load_runtime("tensorrt", network, tmp_path, 1)


def test_many_threads_may_be_first(tmp_path: Path) -> None:
    """In a new process, as only the first array that OpenVINO ever sees can make threads wait for each other."""
    script = """
import sys, threading
from posemill.estimation.runtimes.openvino_library import openvino
sys.setswitchinterval(1e-6)
def touch():
    library = openvino()
    library.Tensor(library.Type.u8, library.Shape([1])).data[:] = 1
threads = [threading.Thread(target=touch, daemon=True) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join(60) for thread in threads]
sys.exit(any(thread.is_alive() for thread in threads))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=120, cwd=tmp_path).returncode == 0
