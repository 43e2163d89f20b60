"""Detectron2's keypoint weights in torchvision's network: a file in its layout gives back what went into it."""

from __future__ import annotations

import pickle
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from posemill.errors import CheckpointError
from posemill.estimation.backends.detectron2.pickled_arrays import read_arrays
from posemill.estimation.backends.detectron2.weights import load, read_zoo, to_torchvision, torchvision_name
from posemill.estimation.backends.keypoint_rcnn.network import DETECTRON2, build
from posemill.params.label import LabelParams

PARAMS = LabelParams(long_edge_px=129)
PICTURE = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)


def zoo_name(name: str) -> str:
    """torchvision's name as Detectron2 writes it, spelled out here a second time and the other way round."""
    rules = [
        (r"backbone\.body\.conv1\.", "backbone.bottom_up.stem.conv1."),
        (r"backbone\.body\.bn1\.", "backbone.bottom_up.stem.conv1.norm."),
        (r"backbone\.fpn\.inner_blocks\.(\d)\.0\.", lambda m: f"backbone.fpn_lateral{int(m[1]) + 2}."),
        (r"backbone\.fpn\.layer_blocks\.(\d)\.0\.", lambda m: f"backbone.fpn_output{int(m[1]) + 2}."),
        (r"backbone\.body\.layer(\d)\.(\d+)\.", lambda m: f"backbone.bottom_up.res{int(m[1]) + 1}.{m[2]}."),
        (r"downsample\.0\.", "shortcut."),
        (r"downsample\.1\.", "shortcut.norm."),
        (r"\.bn(\d)\.", r".conv\1.norm."),
        (r"rpn\.head\.conv\.0\.0\.", "proposal_generator.rpn_head.conv."),
        (r"rpn\.head\.cls_logits\.", "proposal_generator.rpn_head.objectness_logits."),
        (r"rpn\.head\.bbox_pred\.", "proposal_generator.rpn_head.anchor_deltas."),
        (r"box_head\.fc(\d)\.", lambda m: f"box_head.fc{int(m[1]) - 5}."),
        (r"keypoint_head\.(\d+)\.", lambda m: f"keypoint_head.conv_fcn{int(m[1]) // 2 + 1}."),
        (r"keypoint_predictor\.kps_score_lowres\.", "keypoint_head.score_lowres."),
    ]
    for pattern, other in rules:
        name = re.sub(pattern, other, name)  # type: ignore[call-overload]
    return name


def zoo_arrays(network: nn.Module) -> dict[str, np.ndarray]:
    """As the model zoo's file has them: BGR, the background last, boxes for persons only."""
    arrays = {}
    for name, tensor in network.state_dict().items():
        array = tensor.numpy().copy()
        if name == "backbone.body.conv1.weight":
            array = array[:, [2, 1, 0]].copy()
        if "cls_score" in name:
            array = array[[1, 0]].copy()
        if "box_predictor.bbox_pred" in name:
            array = array[4:].copy()
        arrays[zoo_name(name)] = array
    return arrays


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(2)
    made = build(DETECTRON2, PARAMS.long_edge_px, PARAMS.instance_threshold)
    for name, buffer in made.named_buffers():
        if name.endswith(".running_var"):
            buffer.uniform_(2, 6)
    made.roi_heads.detections_per_img = 3
    for weight in made.roi_heads.box_predictor.bbox_pred.parameters():
        weight.data[:4] = 0  # of the background's boxes, which nobody asks for
    return made


def test_a_file_of_the_zoo_gives_the_same_people(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "model_final_997cc7.pkl"
    path.write_bytes(pickle.dumps({"model": zoo_arrays(network), "__author__": "Detectron2 Model Zoo"}))
    backend = load(PARAMS.model_copy(update={"checkpoint": str(path)}))
    assert backend.describe()["backend"] == "detectron2"
    loaded = read_zoo(path, PARAMS).network
    loaded.roi_heads.detections_per_img = 3
    picture = [torch.from_numpy(PICTURE.transpose(2, 0, 1)).float() / 255]
    with torch.inference_mode():
        (found,), (wanted,) = loaded(picture), network(picture)
    assert len(wanted["scores"]) == 3
    for key in ("boxes", "scores", "keypoints", "keypoints_scores"):
        torch.testing.assert_close(found[key], wanted[key])


def test_the_first_convolution_sees_what_detectron2s_sees(network: Any) -> None:
    """Detectron2 gives it BGR of 0..255 less the mean; torchvision RGB of 0..1, normalised."""
    arrays = zoo_arrays(network)
    bgr = PICTURE[:, :, ::-1].astype(np.float32) - np.array([103.53, 116.28, 123.675], np.float32)
    kernel = torch.from_numpy(arrays["backbone.bottom_up.stem.conv1.weight"])
    wanted = nn.functional.conv2d(torch.from_numpy(bgr.transpose(2, 0, 1)[None]), kernel, stride=2, padding=3)
    body = network.backbone.body
    normal = network.transform.normalize(torch.from_numpy(PICTURE.transpose(2, 0, 1)).float() / 255)
    with torch.inference_mode():
        torch.testing.assert_close(body.conv1(normal[None]), wanted, rtol=1e-3, atol=2e-2)


def test_every_weight_has_a_name_in_both(network: Any) -> None:
    names = list(network.state_dict())
    assert [torchvision_name(zoo_name(name), Path("x")) for name in names] == names
    assert zoo_name("backbone.body.layer4.2.bn3.running_var") == "backbone.bottom_up.res5.2.conv3.norm.running_var"
    assert zoo_name("roi_heads.keypoint_head.14.bias") == "roi_heads.keypoint_head.conv_fcn8.bias"


def test_folded_statistics_are_filled_in(network: Any) -> None:
    arrays = {name: array for name, array in zoo_arrays(network).items() if "running_" not in name}
    arrays["proposal_generator.anchor_generator.cell_anchors.0"] = np.zeros((3, 4), np.float32)
    weights = to_torchvision(arrays, Path("x"))
    assert set(weights) == set(network.state_dict())
    assert float(weights["backbone.body.layer1.0.bn2.running_var"][0]) + 1e-5 == pytest.approx(1)


class Command:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, ("touch /tmp/never",)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model_final.pkl"
    path.write_bytes(pickle.dumps({"model": {"a": Command()}}))
    with pytest.raises(CheckpointError, match=r"is refused: weights need no posix\.system"):
        load(LabelParams(checkpoint=str(path)))
    path.write_bytes(pickle.dumps({"a": np.array([Command()], object)}))
    with pytest.raises(CheckpointError, match="is refused"):
        read_arrays(path)
    path.write_bytes(b"no pickle")
    with pytest.raises(CheckpointError, match="no pickle of arrays"):
        read_arrays(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_of_any_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float64(2), "c": [1, "x"]}
    path.write_bytes(pickle.dumps(arrays, protocol))
    found = read_arrays(path)
    np.testing.assert_array_equal(found["a"], arrays["a"])
    assert (found["b"], found["c"]) == (2.0, [1, "x"])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.pkl"
    path.write_bytes(pickle.dumps({"model": {"roi_heads.mask_head.deconv.weight": np.zeros(3, np.float32)}}))
    with pytest.raises(CheckpointError, match=r"mask_head\.deconv\.weight is no weight of Detectron2's"):
        load(LabelParams(checkpoint=str(path)))
    path.write_bytes(pickle.dumps({"model": {"backbone.fpn_lateral2.weight": "text"}}))
    with pytest.raises(CheckpointError, match="should be an array of floats, came str"):
        load(LabelParams(checkpoint=str(path)))


def test_without_file_and_library_it_says_what_to_do() -> None:
    with pytest.raises(CheckpointError, match=r"model_final_\*\.pkl .* or install the package detectron2"):
        load(LabelParams())


def test_the_library_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the library's interface: pictures go in as BGR, keypoints come back with their confidence."""
    from posemill.estimation.backends.detectron2.library import Detectron2Library

    seen: list[np.ndarray] = []

    class Predictor:
        def __init__(self, config: Any) -> None:
            assert PARAMS.long_edge_px == config.INPUT.MAX_SIZE_TEST

        def __call__(self, picture: np.ndarray) -> dict[str, Any]:
            seen.append(picture)
            points = torch.tensor([[[3.0, 4.0, 0.9]] * 16 + [[0.0, 0.0, 0.0]]])
            return {"instances": types.SimpleNamespace(pred_keypoints=points, scores=torch.tensor([0.8]))}

    part = types.SimpleNamespace
    config = part(
        MODEL=part(DEVICE="cuda", WEIGHTS="https://zoo/model_final_a.pkl", ROI_HEADS=part(SCORE_THRESH_TEST=0)),
        INPUT=part(MIN_SIZE_TEST=0, MAX_SIZE_TEST=0),
    )
    library, engine = types.ModuleType("detectron2"), types.ModuleType("detectron2.engine")
    library.__version__ = "0.6"  # type: ignore[attr-defined]
    library.model_zoo = part(get_config=lambda name, trained: config)  # type: ignore[attr-defined]
    engine.DefaultPredictor = Predictor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "detectron2", library)
    monkeypatch.setitem(sys.modules, "detectron2.engine", engine)
    backend = Detectron2Library(PARAMS)
    ((pose,),) = backend.poses([PICTURE])
    np.testing.assert_array_equal(seen[0], PICTURE[:, :, ::-1])
    assert pose.xy[0].tolist() == [3, 4]
    assert np.isnan(pose.xy[16]).all()
    assert pose.person_confidence == pytest.approx(0.8)
    assert backend.describe()["checkpoint"].endswith("model_final_a.pkl")
