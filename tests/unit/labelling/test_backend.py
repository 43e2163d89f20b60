"""The embedded backend on pictures whose keypoints are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.labelling.accuracy import best_pairs
from posemill.labelling.base import PoseBackend, load_backend
from posemill.labelling.fingerprint import fingerprint
from posemill.labelling.openpifpaf.backend import OpenPifPafBackend
from posemill.labelling.openpifpaf.checkpoints import load_checkpoint
from posemill.params.label import LabelParams, TrackingParams
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
    similarity, number = best_pairs(
        np.stack([p.xy for p in poses]), truth, box_area(truth).astype(np.float32), COCO_17
    )  # fmt: skip
    assert similarity[0] > 0.6
    found = poses[number[0]]
    assert found.xy.dtype == found.confidence.dtype == np.float32
    assert 0 < found.person_confidence <= 1
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


def test_both_runtimes_and_any_batch_find_the_same(backend: PoseBackend, rendered: Rendered, pose_home: Path) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(image[:, ::-1]), image[: image.shape[0] * 3 // 4]]
    together = backend.poses(pictures)
    alone = [backend.poses([picture])[0] for picture in pictures]
    eager = make(LabelParams(runtime="eager"), pose_home).poses(pictures)
    assert any(together)
    for a, b, c in zip(together, alone, eager, strict=True):
        assert len(a) == len(b) == len(c)
        for p, q, r in zip(a, b, c, strict=True):
            np.testing.assert_array_equal(p.xy, q.xy)
            np.testing.assert_allclose(p.xy, r.xy, atol=0.05)  # pixels
            np.testing.assert_allclose(p.confidence, r.confidence, atol=1e-3)


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
    )  # fmt: skip
    assert similarity[0] > 0.85
