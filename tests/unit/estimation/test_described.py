"""Described ONNX networks: made networks that see coloured dots, and the published ways in and out, written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from posemill.errors import CheckpointError
from posemill.estimation.backends.described.backend import DescribedBackend, load
from posemill.estimation.backends.described.codecs import decode
from posemill.estimation.backends.described.description import (
    PRESETS,
    InputDescription,
    NetworkDescription,
    read_description,
)
from posemill.estimation.backends.described.picture import crop, letterbox
from posemill.estimation.factory import load_backend
from posemill.estimation.runtimes.graph_file import GraphFile
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

DOTS = {"name": "dots", "keypoints": ["red", "green", "blue"], "edges": [["red", "green"]], "pairs": []}
AT = np.array([[150.0, 60.0], [185.0, 120.0], [160.0, 200.0]])  # pixels of the picture
INPUT = {"width": 96, "height": 128, "fit": "crop", "std": [255, 255, 255]}
PARAMS = LabelParams(backend="onnx", threads=1)


def picture(at: NDArray[np.float64] = AT, radius: int = 3) -> NDArray[np.uint8]:
    image = np.zeros((240, 320, 3), np.uint8)
    for channel, (x, y) in enumerate(at.round().astype(int).tolist()):
        dot = np.zeros((240, 320), np.uint8)
        cv2.circle(dot, (x, y), radius, 255, -1)
        image[..., channel] = cv2.GaussianBlur(dot, (0, 0), 2)
    return image


def network(path: Path, nodes: list[Any], size: tuple[int, int], outputs: dict[str, list[int]], *more: Any) -> Path:
    """An ONNX file that takes (1, 3, height, width); size is (width, height)."""
    taken = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, size[1], size[0]])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    graph = helper.make_graph(nodes, "made", [taken], given, list(more))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def described(path: Path, **fields: Any) -> Path:
    content = {"format": "posemill-pose-network-1", "network": "made", "skeleton": DOTS} | fields
    path.with_suffix(".json").write_text(json.dumps(content))
    return path


def simcc_network(path: Path) -> Path:
    """The brightest column and row of every channel."""
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["simcc_x"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["picture"], ["simcc_y"], axes=[3], keepdims=0),
    ]
    network(path, nodes, (96, 128), {"simcc_x": [1, 3, 96], "simcc_y": [1, 3, 128]})
    return described(path, input=INPUT, output={"kind": "simcc", "split": 1.0})


def heatmap_network(path: Path, refine: str, unbiased: bool) -> Path:
    """Every channel at a quarter of the size."""
    nodes = [helper.make_node("AveragePool", ["picture"], ["heatmaps"], kernel_shape=[4, 4], strides=[4, 4])]
    network(path, nodes, (96, 128), {"heatmaps": [1, 3, 32, 24]})
    output = {"kind": "heatmap", "refine": refine, "blur": 3}
    return described(path, input=INPUT | {"unbiased": unbiased}, output=output)


class Finder:
    """A stand-in for the network that finds people: always the person of the dots."""

    skeleton = COCO_17

    def describe(self) -> dict[str, Any]:
        return {"backend": "finder"}

    def poses(self, images: Any) -> list[list[Pose]]:
        xy = np.full((17, 2), np.nan, np.float32)
        xy[:3] = AT
        return [[Pose(xy, np.where(np.isnan(xy[:, 0]), 0, 0.9).astype(np.float32), 0.8)] for _ in images]


def backend(path: Path, **params: Any) -> DescribedBackend:
    about = read_description(path)
    chosen = PARAMS.model_copy(update=params)
    finder = Finder() if about.input.fit == "crop" else None
    return DescribedBackend(GraphFile(path.name, path, "0"), about, finder, chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime", "opencv"])
def test_dots_are_found_by_simcc(runtime: str, tmp_path: Path) -> None:
    (found,) = backend(simcc_network(tmp_path / "a.onnx"), runtime=runtime).poses([picture()])[0]
    np.testing.assert_allclose(found.xy, AT, atol=1.5)  # a pixel of the crop is 1.3 of the picture
    assert found.person_confidence == pytest.approx(0.8)
    assert found.confidence.min() > 0.2


@pytest.mark.parametrize(("refine", "within"), [("none", 5.5), ("quarter", 4.0), ("dark", 3.5)])
def test_dots_are_found_by_heatmaps(refine: str, within: float, tmp_path: Path) -> None:
    (found,) = backend(heatmap_network(tmp_path / "a.onnx", refine, refine == "dark")).poses([picture()])[0]
    np.testing.assert_allclose(found.xy, AT, atol=within)  # a cell is 5.3 pixels


def constant(name: str, values: NDArray[np.float32]) -> Any:
    return helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.ravel().tolist())


def letterbox_network(path: Path, kind: str, align: str) -> Path:
    """It answers the same whatever it sees: two people, and for candidates a double and one who is unsure."""
    size, shift = 160, 20.0 if align == "centre" else 0.0  # 320 x 240 becomes 160 x 120
    first = np.concatenate([AT / 2 + [0, shift], np.full((3, 1), 0.9)], 1)
    second = first - [40, 0, 0.1]

    def row(keypoints: NDArray[np.float64], sure: float, aside: float = 0) -> NDArray[np.float64]:
        low, high = keypoints[:, :2].min(0) - 5 + aside, keypoints[:, :2].max(0) + 5 + aside
        box = [*(low + high) / 2, *(high - low)] if kind == "candidates" else [*low, *high]
        return np.array([*box, sure, *keypoints.ravel()])

    rows = np.stack([row(first, 0.9), row(first, 0.7, 1.0), row(second, 0.8), row(second - 30, 0.05)])
    if kind == "people":
        rows = rows[[0, 2, 3]]
    zero = helper.make_node("ReduceMin", ["picture"], ["least"], keepdims=0)
    none = helper.make_node("Mul", ["least", "nought"], ["zero"])
    if kind == "candidates":
        values = {"out": rows.T[None].astype(np.float32)}
    else:
        values = {"dets": rows[None, :, :5].astype(np.float32), "keypoints": rows[None, :, 5:].reshape(1, -1, 3, 3)}
    nodes = [zero, none, *(helper.make_node("Add", [f"{name}_", "zero"], [name]) for name in values)]
    tensors = [constant("nought", np.zeros(1, np.float32))]
    tensors += [constant(f"{name}_", value.astype(np.float32)) for name, value in values.items()]
    network(path, nodes, (size, size), {name: list(v.shape) for name, v in values.items()}, *tensors)
    about = {"width": size, "height": size, "fit": "letterbox", "align": align, "fill": 114}
    return described(path, input=about, output={"kind": kind})


@pytest.mark.parametrize(("kind", "align"), [("candidates", "centre"), ("people", "top-left")])
def test_people_of_the_whole_picture_come_once(kind: str, align: str, tmp_path: Path) -> None:
    found = backend(letterbox_network(tmp_path / "a.onnx", kind, align)).poses([picture()])[0]
    assert [round(p.person_confidence, 3) for p in found] == [0.9, 0.8]  # no double, nobody of 0.05
    np.testing.assert_allclose(found[0].xy, AT, atol=1e-3)
    np.testing.assert_allclose(found[1].xy, AT - [80, 0], atol=1e-3)
    np.testing.assert_allclose(found[0].confidence, 0.9, atol=1e-6)


@given(
    left=st.floats(-20, 250),
    top=st.floats(-20, 150),
    width=st.floats(20, 200),
    height=st.floats(20, 200),
    unbiased=st.booleans(),
)
def test_a_crop_is_the_published_one(left: float, top: float, width: float, height: float, unbiased: bool) -> None:
    """Three corresponding points, as MMPose makes its matrix: middle, above the middle, and at a right angle."""
    about = InputDescription(width=192, height=256, fit="crop", padding=1.25, unbiased=unbiased)
    box = np.array([left, top, left + width, top + height])
    centre, scale = box.reshape(2, 2).mean(0), np.array([width, height]) * 1.25
    wide, high = scale.tolist()
    scale = np.array([high * 0.75, high] if wide <= high * 0.75 else [wide, wide / 0.75])
    last = np.array([191.0, 255.0]) if unbiased else np.array([192.0, 256.0])
    source = np.stack([centre, centre - [0, scale[0] / 2], centre - [scale[0] / 2, scale[0] / 2]])
    target = np.stack([last / 2, last / 2 - [0, last[0] / 2], last / 2 - [last[0] / 2, last[0] / 2]])
    matrix = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
    placed = crop(np.zeros((240, 320, 3), np.uint8), box, about)
    points = np.array([[0.0, 0.0], [100.0, 37.0], [191.0, 255.0]])
    forth = placed.back(points) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(forth, points, atol=0.05 if not unbiased else 0.8)  # UDP scales both sides by themselves


@given(width=st.integers(40, 700), height=st.integers(40, 700), align=st.sampled_from(["centre", "top-left"]))
def test_a_letterbox_is_undone(width: int, height: int, align: str) -> None:
    about = InputDescription(width=160, height=128, fit="letterbox", align=align, fill=114)  # type: ignore[arg-type]
    image = np.full((height, width, 3), 255, np.uint8)
    placed = letterbox(image, about)
    shown = np.argwhere(placed.array[0, 0] > 250)
    low, high = shown.min(0)[::-1], shown.max(0)[::-1] + 1
    np.testing.assert_allclose(placed.back(low.astype(float)), [0, 0], atol=1e-6)
    np.testing.assert_allclose(placed.back(high.astype(float)), [width, height], atol=0.6 * placed.scale[0])
    assert placed.array[0, :, 0, 0].tolist() in ([255, 255, 255], [114, 114, 114])


def test_channels_and_normalisation() -> None:
    about = InputDescription(width=16, height=16, fit="letterbox", colours="bgr", mean=(1, 2, 3), std=(2, 4, 8))
    image = np.zeros((16, 16, 3), np.uint8)
    image[...] = (10, 20, 30)
    np.testing.assert_allclose(letterbox(image, about).array[0, :, 5, 5], [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8])


@given(st.lists(st.tuples(st.floats(4, 18), st.floats(4, 25)), min_size=3, max_size=3))
def test_dark_finds_the_middle_of_a_gaussian(at: list[tuple[float, float]]) -> None:
    y, x = np.mgrid[:32, :24]
    maps = np.stack([np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 2.0**2)) for a, b in at]).astype(np.float32)
    about = NetworkDescription(
        format="posemill-pose-network-1",
        network="made",
        skeleton=DOTS,
        input={"width": 24, "height": 32, "fit": "crop"},  # type: ignore[arg-type]
        output={"kind": "heatmap", "refine": "dark", "blur": 5},  # type: ignore[arg-type]
    )
    found = decode([maps[None]], about, 0.0).keypoints[0]
    np.testing.assert_allclose(found[:, :2], at, atol=0.08)


@pytest.mark.parametrize("preset", sorted(p.stem for p in PRESETS.glob("*.json")))
def test_presets_are_descriptions(preset: str) -> None:
    about = read_description(PRESETS / f"{preset}.onnx")
    assert about.body == COCO_17
    assert (preset == "yolo-pose") is ("AGPL" in about.licence)


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    path = simcc_network(tmp_path / "a.onnx")
    with pytest.raises(CheckpointError, match=r"no network posenet: backend onnx has none of its own"):
        load(PARAMS)
    path.with_suffix(".json").rename(tmp_path / "kept")
    with pytest.raises(CheckpointError, match=r"no a\.json beside a\.onnx.*rtmpose, vitpose, yolo-pose"):
        load_backend("onnx", PARAMS.model_copy(update={"checkpoint": str(path)}))
    described(path, input=INPUT, output={"kind": "candidates"})
    with pytest.raises(CheckpointError, match=r"output candidates goes with input\.fit: letterbox, came crop"):
        read_description(path)
    described(path, input=INPUT, output={"kind": "simcc", "split": 2.0})
    with pytest.raises(CheckpointError, match=r"output simcc of dots should be \(1, 3, 192\), \(1, 3, 256\), came as"):
        backend(path)
    described(path, input=INPUT | {"width": 64}, output={"kind": "simcc", "split": 1.0})
    with pytest.raises(CheckpointError):
        backend(path, runtime="onnxruntime")
    path.with_suffix(".json").write_text("{")
    with pytest.raises(CheckpointError, match="is no description of a pose network"):
        read_description(path)


def test_the_description_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    path = simcc_network(tmp_path / "a.onnx")
    before = backend(path).describe()
    described(path, input=INPUT | {"padding": 1.3}, output={"kind": "simcc", "split": 1.0})
    assert backend(path).describe() != before
