"""torchvision's Keypoint R-CNN, with random weights: files, digests, poses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posemill.errors import CheckpointError, Unavailable
from posemill.estimation.backends.keypoint_rcnn import backend
from posemill.estimation.backends.keypoint_rcnn.backend import KeypointRcnn, RcnnCheckpoint, load, read_state
from posemill.estimation.backends.keypoint_rcnn.network import DETECTRON2, TORCHVISION, Variant, build
from posemill.params.label import LabelParams

PICTURE = np.random.default_rng(3).integers(0, 255, (96, 128, 3), np.uint8)


def random_network(variant: Variant, seed: int = 1) -> Any:
    """Its figures stay small: batch normalisation that is not trained makes them explode."""
    torch.manual_seed(seed)
    network = build(variant, 129, 0.15)
    for name, buffer in network.named_buffers():
        if name.endswith(".running_var"):
            buffer.uniform_(0.5, 1.5).mul_(4)
    return network


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rcnn") / "weights.pth"
    torch.save(random_network(TORCHVISION).state_dict(), path)
    return path


def few(backend: KeypointRcnn) -> KeypointRcnn:
    """Random weights see people everywhere; a few are enough."""
    backend._checkpoint.network.roi_heads.detections_per_img = 3
    return backend


def test_a_local_file_gives_the_networks_own_answers(file: Path) -> None:
    params = LabelParams(checkpoint=str(file), long_edge_px=129)
    checkpoint = read_state(file, str(file), params)
    backend = few(KeypointRcnn("keypoint-rcnn", checkpoint, params))
    ((*poses,), again) = backend.poses([PICTURE, PICTURE])
    reference = random_network(TORCHVISION)
    reference.roi_heads.detections_per_img = 3
    with torch.inference_mode():
        (wanted,) = reference([torch.from_numpy(PICTURE.transpose(2, 0, 1)).float() / 255])
    assert len(poses) == len(again) == len(wanted["scores"]) == 3
    for pose, keypoints, score in zip(poses, wanted["keypoints"], wanted["scores"], strict=True):
        seen = pose.confidence > 0
        np.testing.assert_allclose(pose.xy[seen], keypoints[:, :2].numpy()[seen], atol=1e-3)
        assert pose.person_confidence == pytest.approx(float(score))
        assert pose.xy.dtype == pose.confidence.dtype == np.float32
        assert (np.isnan(pose.xy).all(1) == ~seen).all()


def test_what_changes_keypoints_is_described(file: Path) -> None:
    params = LabelParams(checkpoint=str(file), long_edge_px=129)
    describes = load(params).describe()
    assert json.loads(json.dumps(describes)) == describes
    assert len(describes["checkpoint_sha256"]) == 64
    assert KeypointRcnn("x", RcnnCheckpoint("x", "0" * 64, None), params).describe() != describes  # type: ignore[arg-type]


def test_files_that_are_not_the_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"backbone.body.conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="SHA-256 should be 0"):
        load(LabelParams(checkpoint=str(path), checkpoint_sha256="0" * 64))
    with pytest.raises(CheckpointError, match="does not hold Keypoint R-CNN"):
        load(LabelParams(checkpoint=str(path)))
    torch.save(Path("/"), path)  # an object, not weights
    with pytest.raises(CheckpointError, match="no file of weights only"):
        load(LabelParams(checkpoint=str(path)))
    with pytest.raises(CheckpointError, match="should be official, or a"):
        load(LabelParams(checkpoint=str(tmp_path / "none.pth")))


def test_no_internet_says_where_to_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", away)
    with pytest.raises(Unavailable, match=r"no route to host.*put the file at .*keypointrcnn_resnet50_fpn_coco-"):
        backend.download(tmp_path)


def test_a_download_that_is_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(url: str, path: str, **_: Any) -> None:
        Path(path).write_bytes(b"another file")

    monkeypatch.setattr("torch.hub.download_url_to_file", other)
    with pytest.raises(CheckpointError, match="SHA-256 should start with fc266e95"):
        backend.download(tmp_path)


def test_the_variants_differ_where_they_should() -> None:
    one, other = (build(variant, 129, 0.5) for variant in (TORCHVISION, DETECTRON2))
    blocks = [network.backbone.body.layer2[0] for network in (one, other)]
    strides = [(block.conv1.stride[0], block.conv2.stride[0]) for block in blocks]
    assert strides == [(1, 2), (2, 1)]
    assert [n.backbone.body.bn1.eps for n in (one, other)] == [0.0, 1e-5]
    sides = [n.rpn.anchor_generator.cell_anchors[0][0].tolist() for n in (one, other)]
    assert sides[0] == [-23, -11, 23, 11]
    np.testing.assert_allclose(sides[1], [-22.627, -11.314, 22.627, 11.314], atol=1e-3)


@pytest.mark.parametrize("side", [32.0, 150.0, 400.0, 900.0])
def test_detectron2s_pooling_takes_the_level_of_the_boxs_size(side: float) -> None:
    """A picture whose feature is its own x: pooled cells hold the x of their middle, on whatever level."""
    pool = build(DETECTRON2, 129, 0.5).roi_heads.box_roi_pool
    levels = {
        str(n): (torch.arange(1024 // 4 // 2**n).float() * 4 * 2**n + 2 * 2**n).expand(1, 1, 1024 // 4 // 2**n, -1)
        for n in range(4)
    }
    box = torch.tensor([[40.0, 40.0, 40 + side, 40 + side]])
    cells = pool(levels, [box], [(1024, 1024)])[0, 0, 3].numpy()
    np.testing.assert_allclose(cells, 40 + side * (np.arange(7) + 0.5) / 7, atol=0.5)
