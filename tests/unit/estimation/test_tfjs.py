"""TensorFlow.js graph models: written here from known weights, read back as PyTorch networks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, max_pool2d, pad, relu, relu6

from posemill.errors import CheckpointError
from posemill.estimation.backends.posenet.checkpoints import find_checkpoint
from posemill.estimation.backends.posenet.tfjs import Graph, read_graph

HEADS = {"float_heatmaps": 17, "float_short_offsets": 34, "displacement_fwd_2": 32, "displacement_bwd_2": 32}


def text(value: str) -> dict[str, Any]:
    return {"s": base64.b64encode(value.encode()).decode()}


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(v) for v in values]}}


class Writer:
    """A graph model in TensorFlow.js's format, node by node."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = [{"name": "image", "op": "Placeholder", "attr": {}}]
        self.entries: list[dict[str, Any]] = []
        self.blob = b""

    def const(self, name: str, value: np.ndarray, half: bool = False) -> str:
        stored = value.astype(np.float16) if half else value
        entry: dict[str, Any] = {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)}
        self.entries.append(entry | ({"quantization": {"dtype": "float16"}} if half else {}))
        self.blob += stored.tobytes()
        return self.node(name, "Const")

    def node(self, name: str, op: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def conv(self, name: str, x: str, kernel: np.ndarray, step: int = 1, gap: int = 1, kind: str = "SAME") -> str:
        op = "DepthwiseConv2dNative" if kernel.shape[3] == 1 and kernel.shape[2] > 1 else "Conv2D"
        return self.node(
            name,
            op,
            x,
            self.const(f"{name}/weights", kernel),
            strides=numbers(1, step, step, 1),
            dilations=numbers(1, gap, gap, 1),
            padding=text(kind),
        )

    def write(self, folder: Path) -> Path:
        path = folder / "model-stride16.json"
        manifest = [{"paths": ["group1-shard1of1.bin"], "weights": self.entries}]
        path.write_text(json.dumps({"modelTopology": {"node": self.nodes}, "weightsManifest": manifest}))
        (folder / "group1-shard1of1.bin").write_bytes(self.blob)
        return path


def small_network(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Stride 16 with everything that PoseNets use: a padded stem, pooling, a residual block, a dilated convolution."""
    random, w = np.random.default_rng(4), Writer()
    weights = {
        name: (random.normal(size=shape) * 0.3).astype(np.float32)
        for name, shape in {
            "stem": (7, 7, 3, 8),
            "bias": (8,),
            "deep": (3, 3, 8, 1),
            "one": (1, 1, 8, 8),
            "wide": (3, 3, 8, 8),
        }.items()
    }
    paddings = w.const("paddings", np.array([[0, 0], [3, 3], [3, 3], [0, 0]], np.int32))
    x = w.node("padded", "Pad", "image", paddings)
    x = w.node(
        "sum",
        "BiasAdd",
        w.conv("resnet_v1_50/stem", x, weights["stem"], 2, kind="VALID"),
        w.const("bias", weights["bias"]),
    )
    x = w.node("act", "Relu", x)
    x = w.node("pool", "MaxPool", x, ksize=numbers(1, 3, 3, 1), strides=numbers(1, 2, 2, 1), padding=text("SAME"))
    y = w.node("act6", "Relu6", w.conv("deep", x, weights["deep"], 2))
    y = w.conv("one", y, weights["one"], 2)
    x = w.node("add", "AddV2", y, w.conv("wide", y, weights["wide"], gap=2))
    for name, channels in reversed(HEADS.items()):
        weights[name] = (random.normal(size=(1, 1, 8, channels)) * 0.3).astype(np.float32)
        w.conv(name, x, weights[name])
    return w.write(folder), weights


def by_hand(picture: torch.Tensor, weights: dict[str, np.ndarray]) -> torch.Tensor:
    k = {n: torch.from_numpy(v).permute(3, 2, 0, 1) if v.ndim == 4 else torch.from_numpy(v) for n, v in weights.items()}
    x = relu(conv2d(pad(picture, (3, 3, 3, 3)), k["stem"], k["bias"], 2))
    x = max_pool2d(x, 3, 2, 1)
    x = conv2d(relu6(conv2d(x, k["deep"].transpose(0, 1), None, 2, 1, groups=8)), k["one"], None, 2)
    x = x + conv2d(x, k["wide"], None, 1, 2, 2)
    return torch.cat([conv2d(x, k[name]) for name in HEADS], 1)


@pytest.mark.parametrize("sides", [(65, 97), (129, 33)])
def test_it_computes_what_its_weights_say(sides: tuple[int, int], tmp_path: Path) -> None:
    path, weights = small_network(tmp_path)
    picture = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, *sides)).astype(np.float32))
    found = Graph(read_graph(path), ("heatmap", "offset", "displacement_fwd", "displacement_bwd"))(picture)
    assert found.shape == (1, 115, (sides[0] - 1) // 16 + 1, (sides[1] - 1) // 16 + 1)
    torch.testing.assert_close(found, by_hand(picture, weights), rtol=1e-4, atol=1e-4)


def test_as_a_checkpoint_it_takes_the_resnets_colours(tmp_path: Path) -> None:
    path, weights = small_network(tmp_path)
    checkpoint = find_checkpoint(str(path), None)
    picture = np.random.default_rng(1).integers(0, 255, (1, 65, 65, 3), np.uint8)
    (found,) = checkpoint.module()(torch.from_numpy(picture))
    mean = np.array([123.15, 115.90, 103.06], np.float32)
    wanted = by_hand(torch.from_numpy((picture - mean).transpose(0, 3, 1, 2).astype(np.float32)), weights)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-2)
    (tmp_path / "group1-shard1of1.bin").write_bytes(b"other weights")
    assert find_checkpoint(str(path), None).sha256 != checkpoint.sha256


def test_sixteen_bit_weights_are_widened(tmp_path: Path) -> None:
    w = Writer()
    kernel = np.random.default_rng(1).normal(size=(1, 1, 3, 2)).astype(np.float32)
    w.node("out", "Conv2D", "image", w.const("k", kernel, half=True), strides=numbers(1, 1, 1, 1), padding=text("SAME"))
    found = Graph(read_graph(w.write(tmp_path)), ("out",))(torch.ones(1, 3, 1, 1)).flatten()
    np.testing.assert_allclose(found.numpy(), kernel.astype(np.float16).astype(np.float32).sum((0, 1, 2)), rtol=1e-5)


def test_what_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    w = Writer()
    w.node("heatmap", "ReadFile", "image")
    with pytest.raises(CheckpointError, match="heatmap is ReadFile"):
        Graph(read_graph(w.write(tmp_path)), ("heatmap",))
    with pytest.raises(CheckpointError, match="one output should be called offset, came none"):
        Graph(read_graph(tmp_path / "model-stride16.json"), ("offset",))


def test_broken_files_are_refused(tmp_path: Path) -> None:
    path, _ = small_network(tmp_path)
    (tmp_path / "group1-shard1of1.bin").write_bytes(b"\0" * 64)
    with pytest.raises(CheckpointError, match="end before"):
        read_graph(path)
    path.write_text("[]")
    with pytest.raises(CheckpointError, match="no graph model"):
        read_graph(path)
