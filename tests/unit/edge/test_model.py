"""Models of an export: files that do not belong together are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from packaged import write_package
from posemill.edge.manifest import digest_of
from posemill.edge.model import open_classifier
from posemill.edge.network import EdgeNetwork
from posemill.edge.pose import PoseDescription
from posemill.errors import CheckpointError


def test_a_class_list_of_another_length(tmp_path: Path) -> None:
    write_package(tmp_path)
    classes = tmp_path / "classes.json"
    classes.write_text('["rest", "squat"]\n')
    digests = json.loads((tmp_path / "digests.json").read_text())
    (tmp_path / "digests.json").write_text(json.dumps(digests | {"classes": digest_of(classes)}))
    with pytest.raises(CheckpointError, match=r"3 outputs, classes.json 2 names; the two are of different models"):
        open_classifier(tmp_path)


def test_what_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="no network that OpenVINO reads"):
        EdgeNetwork(path, 1)


def test_pose_sections_of_another_runtime() -> None:
    with pytest.raises(CheckpointError, match="does not fit this runtime"):
        PoseDescription.of({"network": "posenet", "speed": 3})
    fields = {"long_edge_px": 257, "instance_threshold": 0.1, "keypoint_threshold": 0.0, "seed_threshold": 0.2}
    with pytest.raises(CheckpointError, match="one of posenet, movenet, movenet-many, came 'yolo'"):
        PoseDescription.of({"network": "yolo", **fields})
