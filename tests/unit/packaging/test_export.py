from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from packaged import CLASSES, SPEC, fitted_features, some_windows, write_package
from posemill.errors import CheckpointError
from posemill.models import NetworkCard, build
from posemill.packaging.assemble import assemble
from posemill.packaging.digests import commit, of_file
from posemill.packaging.export import to_onnx
from posemill.packaging.parity import require_parity
from posemill.pose.skeleton import BODY_12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package")
    assert write_package(path) < 1e-4
    return path


def test_the_model_is_one_file_that_tells_nothing_of_this_machine(folder: Path) -> None:
    content = (folder / "activity.onnx").read_bytes()
    assert not [p for p in folder.iterdir() if p.suffix == ".data"]
    for trace in (str(Path(torch.__file__).parents[1]), "site-packages", str(Path.home()), ".py"):
        assert trace.encode() not in content
    model = onnx.load_from_string(content)
    assert {t.data_location for t in model.graph.initializer} == {onnx.TensorProto.DEFAULT}
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert first.dim_param
    assert not first.dim_value


def test_the_same_network_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_package(tmp_path)
    for name in ("activity.onnx", "activity.xml", "activity.bin", "features.json", "classes.json", "digests.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_digests_are_those_of_the_files(folder: Path) -> None:
    digests = json.loads((folder / "digests.json").read_text())
    assert digests["model"] == of_file(folder / "activity.onnx")
    assert digests["labeller"] == of_file(folder / "labeller.json")
    assert digests["snapshot"] == "0" * 64


def test_an_export_of_other_weights_is_refused(folder: Path) -> None:
    torch.manual_seed(8)
    other = build("tcn", BODY_12, len(CLASSES), width=16, dilations=(1, 2)).eval()
    with pytest.raises(CheckpointError, match="nothing is packaged"):
        require_parity(folder / "activity.onnx", other, fitted_features().transform(some_windows()))


def test_a_network_that_says_nan_is_refused(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum((2, 3)) * float("nan")

    path = to_onnx(Broken(), SPEC.frames, BODY_12, tmp_path / "m.onnx")
    with pytest.raises(CheckpointError, match="nan"):
        require_parity(path, Broken(), np.ones((2, SPEC.frames, 12, 3), np.float32))


def test_features_of_another_length_are_refused(tmp_path: Path) -> None:
    network = build("tcn", BODY_12, 2, width=8, dilations=(1,))
    card = NetworkCard("tcn", {}, BODY_12.name, ("a", "b"), SPEC.frames + 1)
    with pytest.raises(CheckpointError, match="posemill stage train"):
        assemble(tmp_path, network, card, fitted_features(), some_windows(), 1.0, {}, {})


def test_digests_of_nothing() -> None:
    assert of_file(Path("/does/not/exist")) is None
    assert commit(Path("/")) is None
