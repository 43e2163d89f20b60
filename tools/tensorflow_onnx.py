"""TensorFlow graphs of convolutional networks as ONNX: what convert_movenet.py and convert_openpose.py share.

Two forms are read: a TensorFlow.js graph model (.json beside its .bin) and a frozen graph (.pb). Both become nodes and
weights by name, and `to_onnx` writes what lies between given nodes, channels first. Weights are kept as 16-bit floats,
each followed by a cast, so that every runtime computes in 32 bits. The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from posemill.estimation.backends.posenet.tfjs import read_graph, weight_files

Arrays = dict[str, NDArray[Any]]
OPSET = 13
_SAME, _VALID = "SAME", "VALID"
_ELEMENTWISE = {"Add": "Add", "AddV2": "Add", "Sub": "Sub", "Mul": "Mul"}
_ACTIVATIONS = {"Relu": "Relu", "Relu6": "Relu6", "Sigmoid": "Sigmoid"}


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. attributes: strides, ksize, fused_ops, padding, ... as Python values."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


def read_checked(path: Path, digests: dict[str, str]) -> bytes:
    """The bytes of a source file, whose digest must be the known one."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != digests[path.name]:
        sys.exit(f"{path}: SHA-256 should be {digests[path.name]}, came as {digest}; take the version named above")
    return content


def read_tensorflow_js(path: Path, digests: dict[str, str]) -> tuple[dict[str, Node], Arrays]:
    """Nodes and weights of a graph model (.json) with its weight files beside it."""
    for file in (path, *weight_files(path)):
        read_checked(file, digests)
    graph = read_graph(path)
    weights = {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in graph.weights.items()}
    return {name: _node_of_json(node) for name, node in graph.nodes.items()}, weights


def _node_of_json(node: dict[str, Any]) -> Node:
    def value(attribute: dict[str, Any]) -> Any:
        if "list" in attribute:
            return [value({kind: item}) for kind, items in attribute["list"].items() for item in items]
        kind, content = next(iter(attribute.items()))
        if kind == "s":
            return base64.b64decode(content).decode()
        return int(content) if kind == "i" else content

    attributes = {name: value(a) for name, a in node.get("attr", {}).items() if a}
    return Node(node["name"], node["op"], tuple(node.get("input", ())), attributes)


def read_frozen(path: Path, digests: dict[str, str]) -> tuple[dict[str, Node], Arrays]:
    """Nodes and weights of a frozen graph: a GraphDef message, read by its field numbers."""
    nodes, weights = {}, {}
    for content in _fields(read_checked(path, digests)).get(1, []):
        fields = _fields(content)
        name, op = fields[1][0].decode(), fields[2][0].decode()
        entries = [_fields(entry) for entry in fields.get(5, [])]
        raw = {entry[1][0].decode(): _fields(entry[2][0]) for entry in entries}
        if op == "Const":
            weights[name] = _tensor(_fields(raw["value"][8][0]))
        inputs = tuple(i.decode() for i in fields.get(3, []))
        nodes[name] = Node(name, op, inputs, {key: _attribute(value) for key, value in raw.items()})
    return nodes, weights


def _fields(message: bytes) -> dict[int, list[Any]]:
    """The fields of a protocol buffer message by number: bytes, or integers."""
    found: dict[int, list[Any]] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            found.setdefault(number, []).append(varint())
            continue
        size = {1: 8, 5: 4}[wire] if wire != 2 else varint()
        found.setdefault(number, []).append(message[at : at + size])
        at += size
    return found


def _attribute(value: dict[int, list[Any]]) -> Any:
    """Strings (field 2), integers (3) and lists of integers (1, then 3): what convolutions need."""
    if 1 in value:
        packed = b"".join(_fields(value[1][0]).get(3, []))
        return list(packed)  # sides and strides are below 128: one byte each
    if 2 in value:
        return value[2][0].decode(errors="replace")
    return value[3][0] if 3 in value else None


def _tensor(tensor: dict[int, list[Any]]) -> NDArray[Any]:
    """A TensorProto of 32-bit floats (type 1) or integers (3)."""
    sides = [_fields(d).get(1, [0])[0] for s in tensor.get(2, []) for d in _fields(s).get(2, [])]
    dtype = {1: np.float32, 3: np.int32}[tensor[1][0]]
    if 4 in tensor:
        return np.frombuffer(tensor[4][0], dtype).reshape(sides)
    if dtype is np.int32:
        return np.array([v if isinstance(v, int) else v[0] for v in tensor[7]], dtype).reshape(sides)
    values = np.frombuffer(b"".join(tensor[5]), dtype)
    return np.broadcast_to(values, sides).copy() if values.size == 1 else values.reshape(sides)


class Writer:
    """Collects ONNX nodes with short names: names are a tenth of a small network's file."""

    def __init__(self, nodes: dict[str, Node], weights: Arrays) -> None:
        self._nodes, self._weights = nodes, weights
        self._made: dict[str, str] = {}
        self.onnx_nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def put(self, op: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node; the name of its output."""
        name = output or f"t{len(self.onnx_nodes)}"
        self.onnx_nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def weight(self, array: NDArray[Any]) -> str:
        """A constant: integers as they are, floats in 16 bits with a cast behind."""
        half = array.astype(np.float16) if array.dtype == np.float32 else array
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(half), name))
        return self.put("Cast", [name], to=onnx.TensorProto.FLOAT) if half.dtype == np.float16 else name

    def given(self, node: str, name: str) -> None:
        """From here on `node` is what the tensor `name` holds."""
        self._made[node] = name

    def make(self, name: str) -> str:
        """The tensor that a TensorFlow node gives, and before it all that it needs."""
        if name not in self._made:
            self._made[name] = self._make(self._nodes[name])
        return self._made[name]

    def _make(self, node: Node) -> str:
        if node.op in ("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"):
            return self._convolution(node)
        if node.op == "BiasAdd":
            return self.put("Add", [self.make(node.inputs[0]), self._channels(node.inputs[1])])
        if node.op in _ELEMENTWISE:
            return self.put(_ELEMENTWISE[node.op], [self.make(i) for i in node.inputs])
        if node.op in _ACTIVATIONS:
            return self._activation(node.op, self.make(node.inputs[0]))
        if node.op == "ConcatV2":
            return self.put("Concat", [self.make(i) for i in node.inputs[:-1]], axis=1)
        if node.op == "MaxPool":
            sides, steps = node.attributes["ksize"][1:3], node.attributes["strides"][1:3]
            return self.put("MaxPool", [self.make(node.inputs[0])], kernel_shape=sides, strides=steps)
        if node.op == "ResizeBilinear" and node.attributes["half_pixel_centers"]:
            factors = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), f"w{len(self.initializers)}")
            self.initializers.append(factors)
            inputs = [self.make(node.inputs[0]), "", factors.name]
            return self.put("Resize", inputs, mode="linear", coordinate_transformation_mode="half_pixel")
        sys.exit(f"no rule for the operation {node.op} ({node.name})")

    def _channels(self, name: str) -> str:
        return self.weight(self._weights[name].reshape(1, -1, 1, 1))

    def _convolution(self, node: Node) -> str:
        kernel, depthwise = self._weights[node.inputs[1]], "epthwise" in node.op
        groups = kernel.shape[2] if depthwise else 1
        axes = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        inputs = [self.make(node.inputs[0]), self.weight(kernel.transpose(axes))]
        fused = node.attributes.get("fused_ops", [])
        if "BiasAdd" in fused:
            inputs.append(self.weight(self._weights[node.inputs[2]]))
        made = self.put(
            "Conv",
            inputs,
            kernel_shape=kernel.shape[:2],
            strides=node.attributes["strides"][1:3],
            group=groups,
            pads=_pads(node, kernel.shape[:2]),
        )
        for op in fused:
            made = made if op == "BiasAdd" else self._activation(op, made)
        return made

    def _activation(self, op: str, tensor: str) -> str:
        if op != "Relu6":
            return self.put(_ACTIVATIONS[op], [tensor])
        limits = [self.weight(np.array(limit, np.float32)) for limit in (0, 6)]
        return self.put("Clip", [tensor, *limits])


def _pads(node: Node, sides: tuple[int, ...]) -> list[int]:
    """SAME padding; with a stride of 2 on even sides, TensorFlow pads the end only."""
    if node.attributes["padding"] == _VALID:
        return [0, 0, 0, 0]
    total = [max(0, side - step) for side, step in zip(sides, node.attributes["strides"][1:3], strict=True)]
    return [t // 2 for t in total] + [t - t // 2 for t in total]


def save(writer: Writer, path: Path, inputs: list[Any], outputs: list[Any], origin: dict[str, str]) -> None:
    """Write the network, with where it came from, and print the digest that the package pins."""
    graph = helper.make_graph(writer.onnx_nodes, path.stem, inputs, outputs, writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    helper.set_model_props(model, {"origin": json.dumps(origin, sort_keys=True)})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    print(f"{path.name}  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")
