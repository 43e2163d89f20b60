"""CMU's networks come as Caffe files (.prototxt and .caffemodel); no runtime here reads those, so they become ONNX."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.atomic import write_bytes
from posemill.errors import CheckpointError
from posemill.estimation.backends.openpose.caffe_messages import read_description, read_weights
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.graph_file import GraphFile

SCALE, OFFSET = 1 / 256, -0.5  # CMU's networks take pictures in -0.5..0.5; the ONNX file takes them raw as others do
OPSET = 13


def converted(found: GraphFile, cache: Path) -> GraphFile:
    """The ONNX form of a .caffemodel, kept in `cache`; its digest covers both Caffe files.

    Errors: CheckpointError when the .prototxt is missing or ambiguous, or the network is of another kind.
    """
    described = prototxt_of(found.path)
    digest = hashlib.sha256(found.sha256.encode() + described.read_bytes()).hexdigest()
    path = cache / f"caffe-{digest[:16]}-{pose_code(__name__)[:8]}.onnx"
    if not path.is_file():
        content = to_onnx(described.read_text(), found.path.read_bytes())
        write_bytes(path, content)
    return replace(found, path=path, sha256=digest)


def prototxt_of(model: Path) -> Path:
    """The description that belongs to a .caffemodel: of the same name, or the only one beside it."""
    named = model.with_suffix(".prototxt")
    beside = [named] if named.is_file() else sorted(model.parent.glob("*.prototxt"))
    if len(beside) != 1:
        came = ", ".join(path.name for path in beside) or "none"
        raise CheckpointError(
            f"{model}: one .prototxt should lie beside it, came {came}; copy the one that describes it to {named.name}"
        )
    return beside[0]


def to_onnx(described: str, weights: bytes) -> bytes:
    """The network of a .prototxt with the weights of a .caffemodel, for raw BGR pictures; its last layer is the output.

    Errors: CheckpointError for damaged files, layers of another kind, or weights that are missing.
    """
    from onnx import TensorProto, checker, helper

    net = read_description(described)
    writer = _Writer(net.input, read_weights(weights))
    for layer in net.layer:
        writer.add(layer)
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    fields = helper.make_tensor_value_info(writer.last, TensorProto.FLOAT, [1, "channels", "rows", "columns"])
    graph = helper.make_graph(writer.nodes, net.name or "openpose", [picture], [fields], writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Writer:
    """Caffe's layers, in their order, as ONNX nodes.

    A layer may write over its input, so `_tensor` knows which tensor a Caffe name means by now.
    """

    def __init__(self, inputs: Iterable[str], weights: dict[str, list[NDArray[np.float32]]]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        scaled = self._put("Mul", "image", self._constant(np.array(SCALE, np.float32)))
        self._picture = self.last = self._put("Add", scaled, self._constant(np.array(OFFSET, np.float32)))
        self._tensor = dict.fromkeys(inputs, self._picture)

    def add(self, layer: Any) -> None:
        """One layer, and after it its name for what it gives."""
        rules: dict[str, Callable[..., str]] = {
            "Input": lambda _: self._picture,
            "Convolution": self._convolution,
            "Pooling": self._pooling,
            "ReLU": self._relu,
            "PReLU": self._prelu,
            "Concat": self._concat,
            "Dropout": lambda _, tensor: tensor,
        }
        unknown = [name for name in layer.bottom if name not in self._tensor]
        if unknown:
            raise CheckpointError(f"layer {layer.name!r} reads {', '.join(unknown)}, which no layer before it gives")
        if layer.type not in rules:
            raise CheckpointError(
                f"layer {layer.name!r} is a {layer.type}; OpenPose's body networks consist of {', '.join(rules)}"
            )
        self.last = rules[layer.type](layer, *(self._tensor[name] for name in layer.bottom))
        self._tensor.update(dict.fromkeys(layer.top, self.last))

    def _convolution(self, layer: Any, tensor: str) -> str:
        asked, (kernel, *bias) = layer.convolution_param, self._arrays(layer)
        given = ((asked.pad, 0), (asked.stride, 1), (asked.dilation, 1))
        pad, stride, dilation = ((list(values) or [default]) * 2 for values, default in given)
        constants = [self._constant(kernel), *(self._constant(b.reshape(-1)) for b in bias)]
        return self._put(
            "Conv",
            tensor,
            *constants,
            kernel_shape=list(kernel.shape[2:]),
            group=asked.group or 1,
            pads=pad[:2] * 2,
            strides=stride[:2],
            dilations=dilation[:2],
        )

    def _pooling(self, layer: Any, tensor: str) -> str:
        asked = layer.pooling_param
        if asked.pool != 0:
            raise CheckpointError(f"layer {layer.name!r} does not pool by the maximum, as OpenPose's networks do")
        # Caffe rounds sizes up; the sides that the backend gives are even at every pooling, so that nothing is rounded
        sides, strides = [asked.kernel_size] * 2, [asked.stride or 1] * 2
        return self._put("MaxPool", tensor, kernel_shape=sides, strides=strides, pads=[asked.pad] * 4)

    def _relu(self, layer: Any, tensor: str) -> str:
        slope = float(layer.relu_param.negative_slope)
        return self._put("LeakyRelu", tensor, alpha=slope) if slope else self._put("Relu", tensor)

    def _prelu(self, layer: Any, tensor: str) -> str:
        return self._put("PRelu", tensor, self._constant(self._arrays(layer)[0].reshape(-1, 1, 1)))

    def _concat(self, layer: Any, *tensors: str) -> str:
        return self._put("Concat", *tensors, axis=1)

    def _arrays(self, layer: Any) -> list[NDArray[np.float32]]:
        if layer.name not in self._weights:
            raise CheckpointError(f"the .caffemodel has no weights for layer {layer.name!r} of the .prototxt beside it")
        return self._weights[layer.name]

    def _constant(self, array: NDArray[np.float32]) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _put(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name
