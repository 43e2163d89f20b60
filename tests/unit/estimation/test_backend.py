"""The embedded backend on pictures whose keypoints are known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint
from posemill.estimation.backends.openpifpaf.decoder import Decoder, Thresholds
from posemill.estimation.backends.openpifpaf.heads import POSENET_HEADS, Heads
from posemill.estimation.backends.openpifpaf.network import from_bytes
from posemill.estimation.factory import load_backend
from posemill.estimation.fingerprint import fingerprint
from posemill.estimation.preprocess import network_input, place
from posemill.estimation.runtimes import Network
from posemill.estimation.runtimes.eager import Eager
from posemill.estimation.types import PoseBackend, StreamingBackend
from posemill.params.label import LabelParams
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

Rendered = tuple[SynthClip, NDArray[np.uint8]]


def make(params: LabelParams, home: Path) -> OpenPifPafBackend:
    return OpenPifPafBackend(load_checkpoint(params.checkpoint, None, home), params, home)


def test_a_rendered_person_is_found_where_they_are(backend: PoseBackend, rendered: Rendered) -> None:
    clip, image = rendered
    (poses,) = backend.poses([image])
    truth = clip.truth.xy[:1]
    similarity, number = best_pairs(np.stack([p.xy for p in poses]), truth, box_area(truth).astype(np.float32), COCO_17)
    assert similarity[0] > 0.6
    found = poses[number[0]]
    assert found.xy.dtype == found.confidence.dtype == np.float32
    assert 0 < found.person_confidence <= 1
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


def test_any_batch_and_a_stream_find_the_same(backend: PoseBackend, rendered: Rendered) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(image[:, ::-1]), image[: image.shape[0] * 3 // 4]]
    together = backend.poses(pictures)
    assert isinstance(backend, StreamingBackend)
    alone = [backend.poses([picture])[0] for picture in pictures]
    assert any(together)
    for others in (alone, list(backend.stream(iter(pictures)))):
        for a, b in zip(together, others, strict=True):
            assert len(a) == len(b)
            for p, q in zip(a, b, strict=True):
                np.testing.assert_array_equal(p.xy, q.xy)
                np.testing.assert_array_equal(p.confidence, q.confidence)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_every_runtime_finds_what_pytorch_finds(runtime: str, rendered: Rendered, pose_home: Path) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(np.rot90(image))]
    found = make(LabelParams.model_validate({"runtime": runtime}), pose_home).poses(pictures)
    assert any(found)
    for a, b in zip(found, make(LabelParams(runtime="eager"), pose_home).poses(pictures), strict=True):
        assert len(a) == len(b)
        for p, q in zip(a, b, strict=True):
            np.testing.assert_allclose(p.xy, q.xy, atol=0.05)  # pixels
            np.testing.assert_allclose(p.confidence, q.confidence, atol=1e-3)


def test_known_heads_are_those_of_the_network() -> None:
    assert Heads.of(load_checkpoint("posenet", None, Path()).shell) == POSENET_HEADS


def test_the_decoder_is_the_stock_one(rendered: Rendered, pose_home: Path) -> None:
    """OpenPifPaf's own predictor, told the same, finds the same people."""
    from posemill.estimation.backends.openpifpaf.library import openpifpaf

    checkpoint = load_checkpoint("posenet", None, pose_home)
    height, width, _ = rendered[1].shape
    placement = place(height, width, 385)
    fields = Eager(Network("", lambda: from_bytes(checkpoint.shell)), pose_home, 1, "f32")(
        network_input(rendered[1], placement)
    )
    thresholds = Thresholds(force_complete=True, instance=0.15, keypoint=0.0, seed=0.2)
    ours = Decoder(checkpoint.heads, thresholds)(fields)
    with thresholds.in_force():
        stock = openpifpaf.decoder.CifCaf([checkpoint.shell.head_metas[0]], [checkpoint.shell.head_metas[1]])
        theirs = sorted(stock([torch.from_numpy(field) for field in fields]), key=lambda found: -found.score)
    assert len(ours) == len(theirs) > 0
    for (points, confidence), found in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(points, found.data)
        assert confidence == pytest.approx(found.score, abs=1e-6)


def test_cuda_without_a_gpu_says_so(pose_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"cuda needs a GPU.*openvino"):
        make(LabelParams(runtime="cuda"), pose_home)


def test_half_precision_is_asked_for_and_named(backend: PoseBackend) -> None:
    with pytest.raises(ValueError, match="bf16 needs runtime: openvino"):
        LabelParams(precision="bf16", runtime="eager")
    assert backend.describe()["precision"] == "f32"


def test_posing_with_a_kept_network_imports_no_openpifpaf(
    backend: PoseBackend, rendered: Rendered, pose_home: Path
) -> None:
    """That import takes as long as hundreds of frames."""
    backend.poses([rendered[1]])  # exported by now
    program = """
import sys
from pathlib import Path
import numpy as np
from posemill.estimation.backends.openpifpaf import backend as backend_module
from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint
from posemill.params.label import LabelParams
home, image = Path(sys.argv[1]), np.load(sys.argv[2])
backend = OpenPifPafBackend(load_checkpoint("posenet", None, home), LabelParams(), home)
assert backend.poses([image])[0]
print(*sorted({"openpifpaf", "torchvision", "matplotlib"} & set(sys.modules)))
"""
    np.save(pose_home / "picture.npy", rendered[1])
    found = subprocess.run(
        [sys.executable, "-c", program, str(pose_home), str(pose_home / "picture.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""


def test_nobody_in_an_empty_picture(backend: PoseBackend) -> None:
    assert backend.poses([np.full((120, 160, 3), 128, np.uint8), np.zeros((90, 30, 3), np.uint8)]) == [[], []]
    assert backend.poses([]) == []


def test_thresholds_of_two_backends_do_not_mix(backend: PoseBackend, rendered: Rendered, pose_home: Path) -> None:
    strict = make(LabelParams(instance_threshold=0.99), pose_home)
    first = backend.poses([rendered[1]])
    assert strict.poses([rendered[1]]) == [[]]
    again = backend.poses([rendered[1]])
    assert len(first[0]) == len(again[0]) > 0


def test_unsure_keypoints_can_be_left_unseen(rendered: Rendered, pose_home: Path) -> None:
    (poses,) = make(LabelParams(keypoint_threshold=0.6), pose_home).poses([rendered[1]])
    xy, confidence = poses[0].xy, poses[0].confidence
    unseen = np.isnan(xy).any(-1)
    assert unseen.any()
    assert not confidence[unseen].any()
    assert (confidence[~unseen] >= 0.6).all()


def test_an_exported_network_is_kept_and_used_again(backend: PoseBackend, rendered: Rendered, pose_home: Path) -> None:
    backend.poses([rendered[1]])
    kept = {path: path.stat().st_mtime_ns for path in (pose_home / "networks").rglob("*.bin")}
    assert kept
    make(LabelParams(), pose_home).poses([rendered[1]])
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_the_fingerprint_names_what_changes_keypoints_and_nothing_else(backend: PoseBackend) -> None:
    describes, params = backend.describe(), LabelParams()
    assert json.loads(json.dumps(describes)) == describes
    same = fingerprint(describes, params)
    assert same == fingerprint(describes, LabelParams(threads=1, batch_frames=2))
    assert same != fingerprint(describes, LabelParams(frame_stride=2))
    assert same != fingerprint(describes, LabelParams(tracking=TrackingParams(min_oks=0.5)))
    assert same != fingerprint({**describes, "long_edge_px": 513}, params)


def test_an_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(Exception, match="known are openpifpaf"):
        load_backend("alphapose", LabelParams())


@pytest.mark.material
def test_a_photo_with_annotated_people(backend: PoseBackend, material: Path) -> None:
    import cv2

    picture = cv2.imread(str(material / "photos" / "coco" / "000000000785.jpg"))
    assert picture is not None
    (poses,) = backend.poses([np.ascontiguousarray(picture[:, :, ::-1], np.uint8)])
    annotations = json.loads((material / "photos" / "coco" / "test_coco.json").read_text())["annotations"]
    skier = next(a for a in annotations if a["image_id"] == 785)
    truth = np.array(skier["keypoints"], np.float32).reshape(1, 17, 3)
    similarity, _ = best_pairs(
        np.stack([p.xy for p in poses]), truth[..., :2], np.array([skier["area"]], np.float32), COCO_17
    )
    assert similarity[0] > 0.85
