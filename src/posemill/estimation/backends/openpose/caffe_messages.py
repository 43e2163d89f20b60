"""Caffe's messages, as far as OpenPose's networks need them; names and numbers of fields are those of caffe.proto.

Fields that are not named here are skipped. Weights are packed 32-bit floats, declared as bytes: so they are read at
once, 200 MB without a Python number for each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError

# message -> field -> (number, type); "*" = repeated; a capital starts a message
_MESSAGES = {
    "Shape": {"dim": (1, "int64*")},
    "Blob": {
        "num": (1, "int32"),
        "channels": (2, "int32"),
        "height": (3, "int32"),
        "width": (4, "int32"),
        "data": (5, "bytes*"),
        "shape": (7, "Shape"),
    },
    "Convolution": {
        "num_output": (1, "uint32"),
        "pad": (3, "uint32*"),
        "kernel_size": (4, "uint32*"),
        "group": (5, "uint32"),
        "stride": (6, "uint32*"),
        "dilation": (18, "uint32*"),
    },
    "Pooling": {"pool": (1, "Pool"), "kernel_size": (2, "uint32"), "stride": (3, "uint32"), "pad": (4, "uint32")},
    "Concat": {"axis": (2, "int32")},
    "Relu": {"negative_slope": (1, "float")},
    "Layer": {
        "name": (1, "string"),
        "type": (2, "string"),
        "bottom": (3, "string*"),
        "top": (4, "string*"),
        "blobs": (7, "Blob*"),
        "concat_param": (104, "Concat"),
        "convolution_param": (106, "Convolution"),
        "pooling_param": (121, "Pooling"),
        "relu_param": (123, "Relu"),
    },
    "OldLayer": {"name": (4, "string"), "blobs": (6, "Blob*")},
    "Net": {"name": (1, "string"), "layers": (2, "OldLayer*"), "input": (3, "string*"), "layer": (100, "Layer*")},
}
_POOLS = ("MAX", "AVE", "STOCHASTIC")


@cache
def _net_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="posemill_caffe.proto", package="caffe", syntax="proto2")
    pools = file.enum_type.add(name="Pool")
    for number, name in enumerate(_POOLS):
        pools.value.add(name=name, number=number)
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            kind, repeated = kind.removesuffix("*"), kind.endswith("*")
            field = described.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind[0].isupper():
                field.type_name = f".caffe.{kind}"
                field.type = kinds.TYPE_ENUM if kind == "Pool" else kinds.TYPE_MESSAGE
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.Net"))


def read_description(text: str) -> Any:
    """The net that a .prototxt describes; CheckpointError if it describes none."""
    from google.protobuf import text_format

    try:
        net = text_format.Parse(text, _net_class()(), allow_unknown_field=True)
    except text_format.ParseError as exc:
        raise CheckpointError(f"the .prototxt describes no Caffe network: {str(exc)[:200]}") from exc
    if not net.layer:
        raise CheckpointError("the .prototxt has no layers in today's form (`layer { ... }`)")
    return net


def read_weights(content: bytes) -> dict[str, list[NDArray[np.float32]]]:
    """The arrays of every layer of a .caffemodel, by the layer's name; CheckpointError if it is none."""
    from google.protobuf.message import DecodeError

    try:
        net = _net_class().FromString(content)
    except DecodeError as exc:
        raise CheckpointError(f"the .caffemodel is damaged or no Caffe model: {exc}") from exc
    return {layer.name: [_array(b) for b in layer.blobs] for layer in (*net.layers, *net.layer) if layer.blobs}


def _array(blob: Any) -> NDArray[np.float32]:
    values = np.frombuffer(b"".join(blob.data), "<f4")
    sides = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
    if values.size != np.prod(sides, dtype=np.int64):
        raise CheckpointError(f"the .caffemodel has {values.size} weights for an array of {sides}: it is damaged")
    return values.reshape(sides)


def new_net(**fields: Any) -> Any:
    """An empty net, or one with these fields: what a test writes."""
    return _net_class()(**fields)
