"""Every network says the same in PyTorch, ONNX Runtime and OpenVINO, for windows of any number and length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from packaged import CLASSES, SPEC, fitted_features, some_windows
from posemill import models
from posemill.packaging.export import to_onnx, to_openvino
from posemill.packaging.parity import require_parity
from posemill.pose.skeleton import BODY_12
from small_networks import SMALL


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_exported_it_answers_the_same(name: str, tmp_path: Path) -> None:
    network = trained(name)
    golden = fitted_features().transform(some_windows())
    model = to_onnx(network, SPEC.frames, BODY_12, tmp_path / "net.onnx")
    converted = to_openvino(model, tmp_path / "net.xml")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.bin", "net.onnx", "net.xml"]
    for path in (model, converted):
        assert require_parity(path, network, golden) < 1e-4
        assert require_parity(path, network, np.concatenate([golden[:1], golden[1:2, :7]], 1)) < 1e-4
    for trace in ("site-packages", str(tmp_path), str(Path.home()), ".py"):
        assert trace not in converted.read_text()


def trained(name: str) -> torch.nn.Module:
    """A network whose norms have seen windows, so that they are not the identity, and whose answers differ."""
    torch.manual_seed(3)
    network = models.build(name, BODY_12, len(CLASSES), **SMALL[name]).train()
    with torch.no_grad():
        for weight in network.head.parameters():
            torch.nn.init.normal_(weight)
        for _ in range(3):
            network(torch.from_numpy(fitted_features().transform(some_windows())))
    return network.eval()
