"""A graph file gives the same outputs on every runtime, whatever its own order of axes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from posemill.errors import CheckpointError, InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.openpose.weights import EMBEDDED
from posemill.estimation.factory import load_backend
from posemill.estimation.runtimes.graphs import RUNTIMES, open_graph
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

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
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    path = tmp_path_factory.mktemp("graph") / "small.onnx"
    onnx.save(model, path)
    return path


def field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer message: bytes of a length below 2 ** 14."""
    size = len(content)
    return bytes([number << 3 | 2, *([size] if size < 128 else [size & 127 | 128, size >> 7])]) + content


def node(name: str, op: str, inputs: tuple[str, ...], **attributes: bytes) -> bytes:
    parts = [field(1, name.encode()), field(2, op.encode()), *(field(3, i.encode()) for i in inputs)]
    parts += [field(5, field(1, key.encode()) + field(2, value)) for key, value in attributes.items()]
    return field(1, b"".join(parts))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same convolution as TensorFlow's frozen graph, channels last."""

    def shape(*sides: int) -> bytes:
        return b"".join(field(2, b"\x08" + (bytes([s]) if s >= 0 else b"\xff" * 9 + b"\x01")) for s in sides)

    floats, ones = b"\x30\x01", field(1, field(3, bytes([1, 1, 1, 1])))  # type: float; list of integers
    kernel = np.ascontiguousarray(KERNEL.transpose(2, 3, 1, 0))
    tensor = b"\x08\x01" + field(2, shape(*kernel.shape)) + field(4, kernel.tobytes())
    content = (
        node("picture", "Placeholder", (), dtype=floats, shape=field(7, shape(-1, -1, -1, 3)))
        + node("kernel", "Const", (), dtype=floats, value=field(8, tensor))
        + node(
            "raw",
            "Conv2D",
            ("picture", "kernel"),
            T=floats,
            strides=ones,
            dilations=ones,
            padding=field(2, b"SAME"),
            data_format=field(2, b"NHWC"),
        )
    )
    path = tmp_path_factory.mktemp("graph") / "small.pb"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("runtime", ["openvino", "opencv"])
def test_a_frozen_graph_is_channels_first_outside(frozen: Path, runtime: str) -> None:
    graph = open_graph(frozen, runtime)
    for picture in pictures():
        (raw,) = graph(picture)
        expected = torch.nn.functional.conv2d(torch.from_numpy(picture), torch.from_numpy(KERNEL), padding=1).numpy()
        np.testing.assert_allclose(raw, expected, atol=0.02)  # of hundreds; OpenCV convolves in another way


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
        np.testing.assert_allclose(raw, expected, atol=0.02)  # of hundreds; OpenCV convolves in another way
        np.testing.assert_allclose(positive, expected.clip(0), atol=0.02)


def test_the_embedded_fields_are_the_same_on_every_runtime() -> None:
    y, x = np.arange(96)[:, None], np.arange(128)[None]
    planes = [127.5 + 127.5 * np.sin(x / (11 + c)) * np.cos(y / (17 - 2 * c)) for c in range(3)]
    picture = np.stack(planes)[None].astype(np.float32)
    first, *others = (open_graph(EMBEDDED.path, runtime)(picture)[0] for runtime in RUNTIMES)
    assert first.shape == (1, 57, 12, 16)
    assert first[0, :18].max() < first[0, 18].max()  # nobody is there: background
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)


@pytest.mark.material
@pytest.mark.parametrize("name", ["openpose", "movenet"])
def test_a_person_on_a_photo_with_their_own_left_and_right(name: str, material: Path) -> None:
    import cv2

    picture = cv2.imread(str(material / "photos" / "coco" / "000000000785.jpg"))
    assert picture is not None
    backend = load_backend(name, LabelParams(backend=name, threads=1))
    (poses,) = backend.poses([np.ascontiguousarray(picture[:, :, ::-1], np.uint8)])
    annotations = json.loads((material / "photos" / "coco" / "test_coco.json").read_text())["annotations"]
    skier = next(a for a in annotations if a["image_id"] == 785)
    truth = np.array(skier["keypoints"], np.float32).reshape(1, 17, 3)[..., :2]
    found = np.stack([p.xy for p in poses])[:, [backend.skeleton.index(k) for k in COCO_17.keypoints]]
    area = np.array([skier["area"]], np.float32)
    (similarity,), _ = best_pairs(found, truth, area, COCO_17)
    (exchanged,), _ = best_pairs(found[:, COCO_17.flip_index], truth, area, COCO_17)
    assert similarity > 0.85
    assert exchanged < 0.6


def test_half_precision_is_openvinos_and_asked_for(small: Path) -> None:
    picture = pictures()[0]
    full, half = (open_graph(small, "openvino", precision=p)(picture)[0] for p in ("f32", "bf16"))
    np.testing.assert_allclose(half, full, atol=0.02 * np.abs(full).max())
    with pytest.raises(InputError, match=r"bf16 needs label\.runtime: openvino, came with onnxruntime"):
        open_graph(small, "onnxruntime", precision="bf16")


def test_what_cannot_be_run_is_refused(small: Path, frozen: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'eager' runs no graph files.*openvino, onnxruntime, opencv"):
        open_graph(small, "eager")
    with pytest.raises(CheckpointError, match=r"should be a file that ends in \.onnx or \.pb"):
        open_graph(tmp_path / "none.onnx", "openvino")
    with pytest.raises(InputError, match=r"reads \.onnx files only"):
        open_graph(frozen, "onnxruntime")


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_damaged_file_is_refused(tmp_path: Path, runtime: str) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    with pytest.raises(CheckpointError, match="is no network that"):
        open_graph(damaged, runtime)


@pytest.mark.parametrize("name", ["openpose", "movenet"])
def test_every_runtime_can_be_asked_for(name: str, rendered: tuple[SynthClip, NDArray[np.uint8]]) -> None:
    picture = rendered[1]
    found = []
    for runtime in RUNTIMES:
        params = LabelParams.model_validate({"backend": name, "runtime": runtime, "threads": 1})
        found.append(load_backend(name, params).poses([picture])[0])
    for others in found[1:]:
        assert len(others) == len(found[0]) > 0
        for a, b in zip(found[0], others, strict=True):
            np.testing.assert_allclose(a.xy, b.xy, atol=0.05)  # pixels
