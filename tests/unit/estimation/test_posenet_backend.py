"""The permissive PoseNet backend: the embedded weights, ResNet50 files, one and many people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from posemill.errors import CheckpointError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.posenet.backend import PoseNetBackend
from posemill.estimation.backends.posenet.checkpoints import find_checkpoint
from posemill.estimation.backends.posenet.resnet import FromPicture, PoseNetResNet50
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

Rendered = tuple[SynthClip, NDArray[np.uint8]]


def make(home: Path, params: LabelParams | None = None, one: bool = False) -> PoseNetBackend:
    params = params or LabelParams()
    return PoseNetBackend(find_checkpoint(params.checkpoint, params.checkpoint_sha256), params, home, one=one)


@pytest.mark.parametrize("one", [False, True])
def test_a_rendered_person_is_found_where_they_are(one: bool, rendered: Rendered, pose_home: Path) -> None:
    clip, image = rendered
    (poses,) = make(pose_home, one=one).poses([image])
    truth = clip.truth.xy[:1]
    similarity, number = best_pairs(np.stack([p.xy for p in poses]), truth, box_area(truth).astype(np.float32), COCO_17)
    assert similarity[0] > 0.6
    found = poses[number[0]]
    assert found.xy.dtype == found.confidence.dtype == np.float32
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert len(poses) == 1 or not one


def test_both_runtimes_and_any_batch_find_the_same(rendered: Rendered, pose_home: Path) -> None:
    pictures = [rendered[1], np.ascontiguousarray(rendered[1][:, ::-1])]
    backend = make(pose_home)
    together = backend.poses(pictures)
    assert all(together)
    eager = make(pose_home, LabelParams(runtime="eager")).poses(pictures)
    for a, picture, c in zip(together, pictures, eager, strict=True):
        for p, q, r in zip(a, backend.poses([picture])[0], c, strict=True):
            np.testing.assert_array_equal(p.xy, q.xy)
            np.testing.assert_allclose(p.xy, r.xy, atol=0.05)  # pixels


def test_nobody_in_an_empty_picture(pose_home: Path) -> None:
    backend = make(pose_home)
    assert backend.poses([np.full((120, 160, 3), 128, np.uint8), np.zeros((90, 30, 3), np.uint8)]) == [[], []]
    assert backend.poses([]) == []


def test_what_changes_keypoints_is_described(pose_home: Path) -> None:
    many, one = make(pose_home).describe(), make(pose_home, one=True).describe()
    assert json.loads(json.dumps(many)) == many
    assert many != one
    assert make(pose_home, LabelParams(threads=1)).describe() == many
    assert make(pose_home, LabelParams(seed_threshold=0.4)).describe() != many


@pytest.mark.parametrize("stride", [16, 32])
def test_a_resnet50_file_runs_at_its_stride(stride: int, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = PoseNetResNet50(stride).eval()
    path = tmp_path / "resnet50.safetensors"
    save_file(network.state_dict(), path, {"stride": str(stride)})
    checkpoint = find_checkpoint(str(path), None)
    picture = torch.from_numpy(np.random.default_rng(2).integers(0, 255, (1, 65, 97, 3), np.uint8))
    with torch.inference_mode():
        (raw,) = checkpoint.module()(picture)
        wanted = FromPicture(network, caffe=True)(picture)[0]
    assert raw.shape == (1, 115, 64 // stride + 1, 96 // stride + 1)
    torch.testing.assert_close(raw, wanted)
    params = LabelParams(checkpoint=str(path), long_edge_px=129, instance_threshold=0, seed_threshold=0.99)
    (poses,) = make(tmp_path, params, one=True).poses([picture[0].numpy()])
    assert len(poses) == 1


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"should be posenet, a \.safetensors file"):
        find_checkpoint("shufflenetv2k16", None)
    path = tmp_path / "x.safetensors"
    save_file({"body.0.weight": torch.zeros(1)}, path, {"stride": "8"})
    with pytest.raises(CheckpointError, match="SHA-256 should be 0"):
        find_checkpoint(str(path), "0" * 64)
    with pytest.raises(CheckpointError, match="`stride`: 16 or 32, came 8"):
        find_checkpoint(str(path), None).module()
    save_file({"body.0.weight": torch.zeros(1)}, path, {"stride": "16"})
    with pytest.raises(CheckpointError, match="does not hold PoseNet ResNet50"):
        find_checkpoint(str(path), None).module()
