"""TensorFlow.js graph models as PyTorch networks: the operations that pose networks consist of, nothing else.

A file that asks for another operation is refused by its name. Nothing in such a file is code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad, relu, relu6

from posemill.errors import CheckpointError

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"Relu": relu, "Relu6": relu6, "Sigmoid": torch.sigmoid}
_SUMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "AddV2": torch.add,
    "BiasAdd": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
}
_CONVOLUTIONS = ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
_KNOWN = {*_ACTIVATIONS, *_SUMS, *_CONVOLUTIONS, "MaxPool", "Pad", "Identity", "Placeholder", "Const"}


@dataclass(frozen=True, slots=True)
class GraphFile:
    """nodes in the file's order, by name; weights by the name of their Const node."""

    path: Path
    nodes: Mapping[str, dict[str, Any]]
    weights: Mapping[str, NDArray[Any]]


def weight_files(path: Path) -> list[Path]:
    """The weight files that a model.json names, beside it."""
    return [path.with_name(Path(name).name) for group in _content(path)["weightsManifest"] for name in group["paths"]]


def read_graph(path: Path) -> GraphFile:
    """Nodes and weights; 8- and 16-bit weights are widened as their quantisation says."""
    content = _content(path)
    blob = b"".join(file.read_bytes() for file in weight_files(path))
    weights, at = {}, 0
    for entry in (e for group in content["weightsManifest"] for e in group["weights"]):
        packed = entry.get("quantization", {})
        size = int(np.prod(entry["shape"], dtype=int))
        try:
            array = np.frombuffer(blob, packed.get("dtype", entry["dtype"]), size, at)
        except ValueError as exc:
            raise CheckpointError(f"{path}: its weight files end before {entry['name']}; fetch them again") from exc
        at += array.nbytes
        if "scale" in packed:
            array = array.astype(np.float32) * np.float32(packed["scale"]) + np.float32(packed["min"])
        weights[entry["name"]] = array.reshape(entry["shape"])
    return GraphFile(path, {node["name"]: node for node in content["modelTopology"]["node"]}, weights)


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        content["modelTopology"]["node"], content["weightsManifest"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise CheckpointError(f"{path} is no graph model of TensorFlow.js: {type(exc).__name__}: {exc}") from exc
    return content


class Graph(nn.Module):
    """(1, 3, H, W) to the wanted outputs, joined along the channels.

    wanted  parts of the outputs' names, in the order in which they are joined; each must fit one output.
    order   names of the nodes that are computed, inputs first.
    """

    def __init__(self, file: GraphFile, wanted: tuple[str, ...]) -> None:
        super().__init__()
        self._nodes, self._path = file.nodes, file.path
        self._outputs = [self._output(part) for part in wanted]
        self.order: list[str] = []
        for name in self._outputs:
            self._visit(name)
        self._weights = {}
        for number, name in enumerate(n for n in self.order if self._nodes[n]["op"] == "Const"):
            array = file.weights[name]
            self._weights[name] = f"weight{number}"
            kind = np.float32 if array.dtype.kind == "f" else np.int64
            self.register_buffer(f"weight{number}", torch.from_numpy(array.astype(kind)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        values: dict[str, Tensor] = {}
        for name in self.order:
            values[name] = self._compute(self._nodes[name], x, values)
        return torch.cat([values[name] for name in self._outputs], 1)

    def _output(self, part: str) -> str:
        read = {_source(i) for node in self._nodes.values() for i in node.get("input", [])}
        ends = [name for name in self._nodes if name not in read and part in name]
        if len(ends) != 1:
            raise CheckpointError(f"{self._path}: one output should be called {part}, came {', '.join(ends) or 'none'}")
        return ends[0]

    def _visit(self, last: str) -> None:
        """Inputs before what reads them; without recursion, since networks are deep."""
        waiting, done = [last], set(self.order)
        while waiting:
            name = waiting[-1]
            node = self._nodes.get(name)
            if node is None or node["op"] not in _KNOWN:
                raise CheckpointError(
                    f"{self._path}: {name} is {node['op'] if node else 'nowhere'}, which is not known"
                )
            open_inputs = [i for i in map(_source, node.get("input", [])) if i not in done]
            if open_inputs:
                waiting += open_inputs
                continue
            waiting.pop()
            if name not in done:
                done.add(name)
                self.order.append(name)

    def _compute(self, node: dict[str, Any], x: Tensor, values: dict[str, Tensor]) -> Tensor:
        op, attributes = node["op"], node.get("attr", {})
        if op == "Placeholder":
            return x
        if op == "Const":
            weight: Tensor = getattr(self, self._weights[node["name"]])
            return weight
        given = [values[_source(name)] for name in node.get("input", [])]
        if op in _CONVOLUTIONS:
            return _convolution(op, attributes, given)
        if op in _SUMS:
            return _SUMS[op](given[0], _spread(given[1], given[0]))
        if op in _ACTIVATIONS:
            return _ACTIVATIONS[op](given[0])
        if op == "MaxPool":
            sides, steps = _list(attributes, "ksize")[1:3], _list(attributes, "strides")[1:3]
            return max_pool2d(_padded(given[0], attributes, sides, steps, [1, 1], float("-inf")), sides, steps)
        if op == "Pad":
            (top, bottom), (left, right) = given[1].tolist()[1:3]
            return pad(given[0], (left, right, top, bottom))
        return given[0]


def _convolution(op: str, attributes: dict[str, Any], given: list[Tensor]) -> Tensor:
    x, kernel, *rest = given
    deep = "Depthwise" in op  # its kernels are height, width, channel, multiple; others' height, width, in, out
    weight = kernel.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1) if deep else kernel.permute(3, 2, 0, 1)
    steps, gaps = _list(attributes, "strides")[1:3], (_list(attributes, "dilations") or [1] * 4)[1:3]
    x = _padded(x, attributes, list(weight.shape[2:]), steps, gaps, 0.0)
    bias = rest[0].flatten() if rest else None
    x = conv2d(x, weight, bias, steps, 0, gaps, x.shape[1] if deep else 1)
    for name in (base64.b64decode(s).decode() for s in attributes.get("fused_ops", {}).get("list", {}).get("s", [])):
        if name != "BiasAdd":
            x = _ACTIVATIONS[name](x)
    return x


def _padded(
    x: Tensor, attributes: dict[str, Any], sides: list[int], steps: list[int], gaps: list[int], value: float
) -> Tensor:
    """TensorFlow's SAME: as much as is needed, and where that is odd, more at the end; EXPLICIT as it is listed."""
    kind = base64.b64decode(attributes["padding"]["s"]).decode()
    if kind == "EXPLICIT":
        top, bottom, left, right = _list(attributes, "explicit_paddings")[2:6]
        return pad(x, (left, right, top, bottom), value=value)
    if kind != "SAME":
        return x
    wide = []
    for length, side, step, gap in zip(x.shape[2:], sides, steps, gaps, strict=True):
        need = max(0, (-(-int(length) // step) - 1) * step + (side - 1) * gap + 1 - int(length))
        wide.append((need // 2, need - need // 2))
    return pad(x, (*wide[1], *wide[0]), value=value) if any(map(any, wide)) else x


def _spread(value: Tensor, like: Tensor) -> Tensor:
    """A vector of channels for all cells."""
    return value.view(1, -1, 1, 1) if value.ndim == 1 and like.ndim == 4 else value


def _list(attributes: dict[str, Any], name: str) -> list[int]:
    return [int(number) for number in attributes.get(name, {}).get("list", {}).get("i", [])]


def _source(name: str) -> str:
    return name.lstrip("^").split(":")[0]
