"""A graph file gives the same outputs on every runtime, whatever its own order of axes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from posemill.errors import CheckpointError, InputError
from posemill.labelling.graphs import RUNTIMES, open_graph
from posemill.labelling.openpose.weights import EMBEDDED

KERNEL = np.random.default_rng(3).normal(size=(5, 3, 3, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution and its rectified form as two outputs, for any picture size; weights in 16 bits behind a cast."""
    nodes = [
        helper.make_node("Cast", ["half"], ["kernel"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["picture", "kernel"], ["raw"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["raw"], ["positive"]),
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, "h", "w"])
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 5, "h", "w"]) for n in ("raw", "positive")]
    half = numpy_helper.from_array(KERNEL.astype(np.float16), "half")
    model = helper.make_model(
        helper.make_graph(nodes, "small", [picture], outputs, [half]),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("graph") / "small.onnx"
    onnx.save(model, path)
    return path


def pictures() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(5)
    return [rng.uniform(0, 255, (1, 3, *sides)).astype(np.float32) for sides in ((16, 24), (32, 8), (16, 24))]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs_are_those_of_pytorch_for_any_size_and_thread(small: Path, runtime: str) -> None:
    kernel = torch.from_numpy(KERNEL.astype(np.float16).astype(np.float32))
    graph = open_graph(small, runtime, 2)
    with ThreadPoolExecutor(2) as pool:
        every = list(pool.map(graph, pictures() * 4))
    for picture, (raw, positive) in zip(pictures() * 4, every, strict=True):
        expected = torch.nn.functional.conv2d(torch.from_numpy(picture), kernel, padding=1).numpy()
        np.testing.assert_allclose(raw, expected, atol=2e-3, rtol=1e-5)
        np.testing.assert_allclose(positive, expected.clip(0), atol=2e-3, rtol=1e-5)


def test_the_embedded_fields_are_the_same_on_every_runtime() -> None:
    y, x = np.arange(96)[:, None], np.arange(128)[None]
    planes = [127.5 + 127.5 * np.sin(x / (11 + c)) * np.cos(y / (17 - 2 * c)) for c in range(3)]
    picture = np.stack(planes)[None].astype(np.float32)
    first, *others = (open_graph(EMBEDDED.path, runtime)(picture)[0] for runtime in RUNTIMES)
    assert first.shape == (1, 57, 12, 16)
    assert first[0, :18].max() < first[0, 18].max()  # nobody is there: background
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)


def test_what_cannot_be_run_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'eager' runs no graph files.*openvino, onnxruntime, opencv"):
        open_graph(small, "eager")
    with pytest.raises(CheckpointError, match=r"should be a file that ends in \.onnx or \.pb"):
        open_graph(tmp_path / "none.onnx", "openvino")
    frozen = tmp_path / "frozen.pb"
    frozen.write_bytes(b"")
    with pytest.raises(InputError, match=r"reads \.onnx files only"):
        open_graph(frozen, "onnxruntime")


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_damaged_file_is_refused(tmp_path: Path, runtime: str) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    with pytest.raises(CheckpointError, match="is no network that"):
        open_graph(damaged, runtime)
