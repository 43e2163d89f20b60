"""Networks in CMU's form, of random weights, give what PyTorch gives with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from posemill.errors import CheckpointError
from posemill.estimation.backends.openpose.backend import OpenPoseBackend
from posemill.estimation.backends.openpose.caffe_messages import new_net
from posemill.estimation.backends.openpose.layouts import LAYOUTS, Layout
from posemill.estimation.backends.openpose.weights import find_network
from posemill.estimation.runtimes.graph_file import checked
from posemill.estimation.runtimes.graphs import RUNTIMES, open_graph
from posemill.params.label import LabelParams

# In the manner of pose_deploy.prototxt: in-place activations, a stage for fields, one for heat, both behind each other
PROTOTXT = """
name: "small"
input: "image"
input_dim: 1 input_dim: 3 input_dim: 368 input_dim: 368
layer {{ name: "conv1" type: "Convolution" bottom: "image" top: "conv1" param {{ lr_mult: 1.0 decay_mult: 1 }}
  convolution_param {{ num_output: 6 pad: 1 kernel_size: 3 weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "pool2" type: "Pooling" bottom: "pool1" top: "pool2"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool2" top: "conv2"
  convolution_param {{ num_output: 8 kernel_size: 1 stride: 2 }} }}
layer {{ name: "prelu2" type: "PReLU" bottom: "conv2" top: "conv2" }}
layer {{ name: "fields" type: "Convolution" bottom: "conv2" top: "fields"
  convolution_param {{ num_output: {affinity} pad: 1 kernel_size: 3 }} }}
layer {{ name: "both" type: "Concat" bottom: "conv2" bottom: "fields" top: "both" concat_param {{ axis: 1 }} }}
layer {{ name: "heat" type: "Convolution" bottom: "both" top: "heat"
  convolution_param {{ num_output: {heat} kernel_size: 1 }} }}
layer {{ name: "net_output" type: "Concat" bottom: "heat" bottom: "fields" top: "net_output"
  concat_param {{ axis: 1 }} }}
"""
Arrays = dict[str, list[NDArray[np.float32]]]


def random_weights(layout: Layout) -> Arrays:
    rng = np.random.default_rng(7)
    heat = len(layout.skeleton) + 1
    shapes = {
        "conv1": (6, 3, 3, 3),
        "conv2": (8, 6, 1, 1),
        "fields": (2 * len(layout.limbs), 8, 3, 3),
        "heat": (heat, 8 + 2 * len(layout.limbs), 1, 1),
    }
    weights = {
        name: [rng.normal(0, 0.3, shape).astype(np.float32), rng.normal(0, 0.3, shape[0]).astype(np.float32)]
        for name, shape in shapes.items()
    }
    return {**weights, "prelu2": [rng.uniform(0, 1, 8).astype(np.float32)]}


def model_of(weights: Arrays, old: bool = False) -> bytes:
    """A .caffemodel, in the form of today or in that of 2014 (another field, shapes in four numbers)."""
    layers: list[dict[str, Any]] = []
    for name, arrays in weights.items():
        blobs: list[dict[str, Any]] = []
        for array in arrays:
            sides = (1,) * (4 - array.ndim) + array.shape
            shape = dict(zip(("num", "channels", "height", "width"), sides, strict=True))
            blobs.append({"data": [array.tobytes()], **(shape if old else {"shape": {"dim": array.shape}})})
        layers.append({"name": name, "blobs": blobs})
    content: bytes = new_net(**{"layers" if old else "layer": layers}).SerializeToString()
    return content


def expected(picture: NDArray[np.float32], weights: Arrays) -> NDArray[np.float32]:
    w = {name: [torch.from_numpy(a) for a in arrays] for name, arrays in weights.items()}
    x = functional.relu(functional.conv2d(torch.from_numpy(picture) / 256 - 0.5, *w["conv1"], padding=1))
    x = functional.conv2d(functional.max_pool2d(functional.max_pool2d(x, 2), 2), *w["conv2"], stride=2)
    x = functional.prelu(x, *w["prelu2"])
    fields = functional.conv2d(x, *w["fields"], padding=1)
    heat = functional.conv2d(torch.cat([x, fields], 1), *w["heat"])
    return np.asarray(torch.cat([heat, fields], 1).numpy(), np.float32)


def write(folder: Path, layout: Layout, model: bytes) -> LabelParams:
    heat, affinity = len(layout.skeleton) + 1, 2 * len(layout.limbs)
    (folder / "pose_deploy.prototxt").write_text(PROTOTXT.format(heat=heat, affinity=affinity))
    path = folder / "pose_iter_1.caffemodel"
    path.write_bytes(model)
    return LabelParams(backend="openpose", checkpoint=str(path), threads=1)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.skeleton.name)
def test_a_caffe_network_gives_what_pytorch_gives(layout: Layout, runtime: str, tmp_path: Path) -> None:
    weights = random_weights(layout)
    found = find_network(write(tmp_path, layout, model_of(weights)), tmp_path / "cache")
    picture = np.random.default_rng(1).uniform(0, 255, (1, 3, 48, 64)).astype(np.float32)
    (fields,) = open_graph(found.path, runtime)(picture)
    assert fields.shape == (1, layout.channels, 6, 8)
    np.testing.assert_allclose(fields, expected(picture, weights), atol=2e-4)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.skeleton.name)
def test_the_layout_is_known_by_the_channels(layout: Layout, tmp_path: Path) -> None:
    params = write(tmp_path, layout, model_of(random_weights(layout)))
    backend = OpenPoseBackend(find_network(params, tmp_path / "cache"), params)
    assert backend.skeleton is layout.skeleton
    assert backend.describe()["skeleton"] == layout.skeleton.name
    for pose in backend.poses([np.zeros((60, 80, 3), np.uint8)])[0]:
        assert pose.xy.shape == (len(layout.skeleton), 2)


def test_it_is_converted_once_and_known_by_both_files(tmp_path: Path) -> None:
    params = write(tmp_path, LAYOUTS[0], model_of(random_weights(LAYOUTS[0])))
    first = find_network(params, tmp_path / "cache")
    written = first.path.stat().st_mtime_ns
    assert find_network(params, tmp_path / "cache") == first
    assert first.path.stat().st_mtime_ns == written
    described = tmp_path / "pose_deploy.prototxt"
    described.write_text(described.read_text().replace('"small"', '"other"'))
    assert find_network(params, tmp_path / "cache").sha256 != first.sha256
    digest = checked(Path(params.checkpoint), None)
    pinned = params.model_copy(update={"checkpoint_sha256": digest})
    assert find_network(pinned, tmp_path / "cache").name == params.checkpoint
    with pytest.raises(CheckpointError, match="SHA-256 should be 0000"):
        find_network(params.model_copy(update={"checkpoint_sha256": "0" * 64}), tmp_path / "cache")


def test_the_input_may_be_a_layer(tmp_path: Path) -> None:
    weights = random_weights(LAYOUTS[0])
    params, described = write(tmp_path, LAYOUTS[0], model_of(weights)), tmp_path / "pose_deploy.prototxt"
    layer = 'layer { name: "i" type: "Input" top: "image" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }'
    described.write_text(layer + described.read_text().split("input_dim: 368 input_dim: 368")[1])
    found = find_network(params, tmp_path / "cache")
    picture = np.full((1, 3, 16, 16), 99, np.float32)
    np.testing.assert_allclose(open_graph(found.path, "openvino")(picture)[0], expected(picture, weights), atol=2e-4)


def test_weights_in_the_form_of_2014_are_read_too(tmp_path: Path) -> None:
    weights = random_weights(LAYOUTS[0])
    found = find_network(write(tmp_path, LAYOUTS[0], model_of(weights, old=True)), tmp_path / "cache")
    picture = np.full((1, 3, 16, 16), 99, np.float32)
    np.testing.assert_allclose(open_graph(found.path, "openvino")(picture)[0], expected(picture, weights), atol=2e-4)


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    weights = random_weights(LAYOUTS[0])
    params = write(tmp_path, LAYOUTS[0], model_of(weights))

    def refused(match: str) -> None:
        with pytest.raises(CheckpointError, match=match):
            find_network(params, tmp_path / "cache")

    described = tmp_path / "pose_deploy.prototxt"
    good = described.read_text()
    described.write_text(good.replace('"PReLU"', '"LRN"'))
    refused("layer 'prelu2' is a LRN; OpenPose's body networks consist of Input, Convolution")
    described.write_text(good.replace('bottom: "pool2"', 'bottom: "pool9"'))
    refused("layer 'conv2' reads pool9, which no layer before it gives")
    described.write_text(good.replace("pool: MAX", "pool: AVE"))
    refused("does not pool by the maximum")
    described.write_text(good.replace('name: "heat"', 'name: "hotter"'))
    refused("no weights for layer 'hotter'")
    described.write_text("layer {")
    refused("describes no Caffe network")
    described.write_text("")
    refused("has no layers")
    described.write_text(good)
    write(tmp_path, LAYOUTS[0], b"\xff\xff")
    refused("damaged or no Caffe model")
    write(tmp_path, LAYOUTS[0], model_of({**weights, "heat": []}).replace(b"conv1", b"conv9"))
    refused("no weights for layer 'conv1'")
    (tmp_path / "other.prototxt").write_text(good)
    refused("one .prototxt should lie beside it, came other.prototxt, pose_deploy.prototxt")
