"""BlazePose through its embedded networks: MediaPipe's own answers, rendered people, videos, and files by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.blazepose.backend import BlazePoseBackend
from posemill.estimation.backends.blazepose.checkpoints import DETECTOR, EMBEDDED, SHA256
from posemill.estimation.backends.blazepose.load import load
from posemill.estimation.backends.blazepose.propagation import BlazePosePropagation, Follower
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.factory import load_backend
from posemill.estimation.stream import stream_poses
from posemill.estimation.types import FrameSpan, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.params.tta import RoiPropagationParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17
from posemill.synth.corpus import Plan, SynthClip, stage
from posemill.video.encode import VideoWriter

Image = NDArray[np.uint8]
Rendered = tuple[SynthClip, Image]
FRAMES = 16
GOLDEN = Path(__file__).parents[2] / "fixtures" / "blazepose_mediapipe.json"
COMMON = [BLAZEPOSE_33.index(name) for name in COCO_17.keypoints]


def params(name: str = "blazepose", **label: Any) -> LabelParams:
    return LabelParams(**{"backend": name, "threads": 1, "long_edge_px": 225, **label})


def oks_of(poses: list[Pose], truth: NDArray[np.float32]) -> list[float]:
    """OKS of everybody in truth (P, 17, 2), on COCO's keypoints."""
    found = np.stack([pose.xy[COMMON] for pose in poses]) if poses else np.empty((0, 17, 2), np.float32)
    similarity, number = best_pairs(found, truth, box_area(truth).astype(np.float32), COCO_17)
    assert len(set(number.tolist())) == len(truth)
    return similarity.tolist()


@pytest.fixture(scope="module")
def embedded() -> BlazePoseBackend:
    backend = load(params())
    assert isinstance(backend, BlazePoseBackend)
    return backend


@pytest.fixture(scope="module")
def many() -> PoseBackend:
    return load_backend("blazepose-many", params("blazepose-many", long_edge_px=385))


def test_landmarks_are_those_of_mediapipe(embedded: BlazePoseBackend, rendered: Rendered) -> None:
    theirs = np.array(json.loads(GOLDEN.read_text())["landmarks"])
    (person,) = embedded.people(rendered[1])
    apart = np.linalg.norm(person.xy - theirs[:, :2], axis=1) * 256 / person.square.side_px
    assert apart.mean() < 0.5
    assert apart.max() < 2
    np.testing.assert_allclose(person.visibility, theirs[:, 2], atol=0.02)
    assert np.linalg.norm(person.world_m - theirs[:, 3:], axis=1).mean() < 0.01


def test_a_rendered_person_is_found_with_feet_and_depth(embedded: BlazePoseBackend, rendered: Rendered) -> None:
    clip, image = rendered
    ((pose,),) = embedded.poses([image])
    assert oks_of([pose], clip.truth.xy[:1]) > [0.75]
    assert pose.xy.dtype == pose.confidence.dtype == np.float32
    assert pose.z is not None
    body_px = np.ptp(clip.truth.xy[0][:, 1])
    for side in ("left", "right"):
        ankle, heel, toe = (pose.xy[BLAZEPOSE_33.index(f"{side}_{p}")] for p in ("ankle", "heel", "foot_index"))
        assert np.linalg.norm(heel - ankle) < 0.1 * body_px
        assert np.linalg.norm(toe - ankle) < 0.2 * body_px
    hips = pose.z[[BLAZEPOSE_33.index("left_hip"), BLAZEPOSE_33.index("right_hip")]]
    assert abs(hips.mean()) < 0.02 * body_px
    assert np.nanmax(np.abs(pose.z)) < 0.5 * body_px


def true_depth_px(clip: SynthClip, frame: int) -> NDArray[np.float64]:
    """(17,) depth from the middle of the hips, away from the camera, in pixels at the hips' distance."""
    scene = clip._scene
    seen = scene.camera.see(scene.rig.keypoints()[frame])
    hips = seen[[COCO_17.index("left_hip"), COCO_17.index("right_hip")], 2].mean()
    return np.asarray((seen[:, 2] - hips) * scene.camera.focal_px / hips)


def test_depth_is_that_of_the_rendered_body(embedded: BlazePoseBackend) -> None:
    clip = stage(Plan(seed=77, subject=2, activity="squat", take=0))
    errors, sizes = [], []
    for frame, image in enumerate(clip.images()):
        if frame % 10:
            continue
        ((pose,),) = embedded.poses([image])
        assert pose.z is not None
        truth = true_depth_px(clip, frame)
        errors.append(np.nanmean(np.abs(pose.z[COMMON] - truth)))
        sizes.append(np.abs(truth).mean())
        assert np.corrcoef(np.nan_to_num(pose.z[COMMON]), truth)[0, 1] > 0.7
    assert np.mean(errors) < 0.6 * np.mean(sizes)  # without depth it would be all of it


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_person_who_lies_is_turned_upright(
    embedded: BlazePoseBackend, rendered: Rendered, quarter_turns: int
) -> None:
    clip, image = rendered
    height, width = image.shape[:2]
    x, y = clip.truth.xy[0].T
    turned = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[quarter_turns]
    (poses,) = embedded.poses([np.ascontiguousarray(np.rot90(image, quarter_turns))])
    assert oks_of(poses, np.stack(turned, -1)[None].astype(np.float32)) > [0.7]


def two_people(rendered: Rendered) -> tuple[Image, NDArray[np.float32]]:
    """The rendered person, and beside them their mirror image; (2, 17, 2) true keypoints."""
    clip, image = rendered
    width = image.shape[1]
    mirrored = clip.truth.xy[0][COCO_17.flip_index]
    mirrored = np.stack([2 * width - 1 - mirrored[:, 0], mirrored[:, 1]], -1)
    return np.concatenate([image, image[:, ::-1]], 1), np.stack([clip.truth.xy[0], mirrored])


def test_two_people_are_both_found_and_each_once(
    embedded: BlazePoseBackend, many: PoseBackend, rendered: Rendered
) -> None:
    picture, truth = two_people(rendered)
    for backend in (embedded, many):
        (poses,) = backend.poses([picture])
        assert len(poses) == 2
        assert min(oks_of(poses, truth)) > 0.7


def test_small_people_are_found_in_windows_or_by_posenet(
    embedded: BlazePoseBackend, many: PoseBackend, rendered: Rendered
) -> None:
    clip, image = rendered
    height, width = image.shape[:2]
    wide = np.full((3 * height, 3 * width, 3), 128, np.uint8)
    wide[2 * height :, :width] = image
    truth = clip.truth.xy[:1] + np.array([0, 2 * height], np.float32)
    assert embedded.poses([wide]) == [[]]
    (windowed,) = load(params(long_edge_px=641)).poses([wide])
    assert oks_of(windowed, truth) > [0.7]
    by_posenet = load_backend("blazepose-many", params("blazepose-many", long_edge_px=641)).poses([wide])[0]
    assert oks_of(by_posenet, truth) > [0.7]


def test_windows_find_nobody_in_a_large_persons_limbs(rendered: Rendered) -> None:
    clip, image = rendered
    (poses,) = load(params(long_edge_px=385)).poses([cv2.resize(image, None, fx=3, fy=3)])  # type: ignore[call-overload]
    assert len(poses) == 1
    assert oks_of(poses, 3 * clip.truth.xy[:1] + 1) > [0.7]


def test_equal_pictures_have_equal_poses_in_any_batch(embedded: BlazePoseBackend, rendered: Rendered) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(image[:, ::-1]), np.full((70, 40, 3), 128, np.uint8), image]
    together = load(params(threads=2)).poses(pictures)
    alone = [embedded.poses([picture])[0] for picture in pictures]
    assert [len(poses) for poses in together] == [1, 1, 0, 1] == [len(poses) for poses in alone]
    for one, other in zip(together, alone, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.xy, b.xy)
            np.testing.assert_array_equal(a.z, b.z)  # type: ignore[arg-type]


def test_tiny_pictures_are_no_error(embedded: BlazePoseBackend) -> None:
    assert embedded.poses([np.zeros((1, 1, 3), np.uint8), np.zeros((2, 300, 3), np.uint8)]) == [[], []]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SynthClip]:
    clip = stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0))
    path = tmp_path_factory.mktemp("blazepose") / "jack.mp4"
    with VideoWriter(path, 25, clip.width_px, clip.height_px, crf=12) as writer:
        for image, _ in zip(clip.images(), range(FRAMES), strict=False):
            writer.write(image)
    return path, clip


def test_tracks_have_depth(film: tuple[Path, SynthClip]) -> None:
    path, clip = film
    tracks = PoseEstimator("blazepose", long_edge_px=225, threads=1).track(path)
    assert tracks.is_3d
    (track,) = tracks.tracks
    assert track.z is not None
    assert track.z.shape == (FRAMES, 33)
    similarity = [oks_of([Pose(track.xy[n], track.confidence[n], 1.0)], clip.truth.xy[n : n + 1])[0] for n in (5, 12)]
    assert min(similarity) > 0.7


FOLLOWING = params(roi_propagation=RoiPropagationParams(keyframe_interval=8))


@pytest.fixture(scope="module")
def following() -> BlazePosePropagation:
    backend = load_backend("blazepose", FOLLOWING)
    assert isinstance(backend, BlazePosePropagation)
    return backend


def test_between_keyframes_people_are_followed_wherever_a_video_is_cut(
    film: tuple[Path, SynthClip], following: BlazePosePropagation
) -> None:
    path, clip = film

    def found(span: FrameSpan | None) -> Iterator[tuple[int, bool, bytes]]:
        for each in stream_poses(path, following, FOLLOWING, span):
            yield each.frame, each.propagated, np.array([pose.xy for pose in each.poses], np.float32).tobytes()

    whole = list(found(None))
    assert [frame for frame, propagated, _ in whole if not propagated] == [0, 8]
    for cuts in ([0, 7, None], [0, 15, 16, None]):
        spans = [FrameSpan(start or 0, end) for start, end in pairwise(cuts)]
        assert [each for span in spans for each in found(span)] == whole
    for each in stream_poses(path, following, FOLLOWING, FrameSpan(6, 11)):
        assert oks_of(list(each.poses), clip.truth.xy[each.frame : each.frame + 1]) > [0.7]


def test_a_wrapped_backend_follows_people_as_well(
    film: tuple[Path, SynthClip], following: BlazePosePropagation
) -> None:
    """As the labelling in several threads wraps it: every picture goes through the wrapper."""
    calls: list[int] = []

    class Counting:
        skeleton = BLAZEPOSE_33

        def __init__(self, backend: PoseBackend) -> None:
            self.backend = backend

        def describe(self) -> dict[str, Any]:
            return self.backend.describe()

        def poses(self, images: list[Image]) -> list[list[Pose]]:
            calls.append(len(images))
            return self.backend.poses(images)

    span = FrameSpan(0, 5)
    plain = [each.poses[0].xy for each in stream_poses(film[0], following, FOLLOWING, span)]
    wrapped = [each.poses[0].xy for each in stream_poses(film[0], following.through(Counting), FOLLOWING, span)]
    assert calls == [1] * 5
    np.testing.assert_array_equal(np.stack(plain), np.stack(wrapped))


def test_somebody_who_is_lost_is_looked_for(embedded: BlazePoseBackend, rendered: Rendered) -> None:
    image, follower = rendered[1], Follower(embedded)
    seen = []
    for picture in (image, image, np.full_like(image, 128), image):
        (poses,) = follower.poses([picture])
        seen.append((len(poses), follower.propagated))
    assert seen == [(1, False), (1, True), (0, False), (1, False)]


def test_what_changes_keypoints_is_described(
    embedded: BlazePoseBackend, many: PoseBackend, following: BlazePosePropagation
) -> None:
    describes = embedded.describe()
    assert json.loads(json.dumps(describes)) == describes
    assert describes["checkpoint_sha256"] == EMBEDDED.sha256
    assert describes["detector_sha256"] == DETECTOR.sha256
    assert describes == load(params(threads=2)).describe()
    assert describes != load(params(long_edge_px=641, keypoint_threshold=0.5, precision="bf16")).describe()
    assert many.describe()["finder"]["backend"] == "posenet"
    followed = following.describe()
    assert {"roi_propagation", "propagation_code"} <= followed.keys()


def test_a_file_is_known_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path))
    copy = tmp_path / "mine.tflite"
    copy.write_bytes(EMBEDDED.path.read_bytes())
    assert load(params(checkpoint=str(copy))).describe()["checkpoint_sha256"] == SHA256["lite"]
    with pytest.raises(CheckpointError, match="SHA-256 should be 0000"):
        load(params(checkpoint=str(copy), checkpoint_sha256="0" * 64))
    with pytest.raises(CheckpointError, match=rf"none of the landmark files of npm @mediapipe/pose.*{SHA256['heavy']}"):
        load(params(checkpoint=str(DETECTOR.path)))
    with pytest.raises(CheckpointError, match=r"input and outputs should be \[\(1, 256, 256, 3\)"):
        load(params(checkpoint=str(DETECTOR.path), checkpoint_sha256=DETECTOR.sha256))
    with pytest.raises(CheckpointError, match=rf"take pose_landmark_full.tflite \(SHA-256 {SHA256['full']}\)"):
        load(params(checkpoint="full"))
    cached = tmp_path / "cache" / "checkpoints" / "pose_landmark_full.tflite"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(copy.read_bytes())
    with pytest.raises(CheckpointError, match=f"SHA-256 should be {SHA256['full']}, came as {SHA256['lite']}"):
        load(params(checkpoint="full"))
    with pytest.raises(CheckpointError, match=r"should be lite, full, heavy, or a \.tflite file"):
        load(params(checkpoint="lightning"))


def test_a_damaged_file_and_another_runtime_say_what_to_do(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"\0\0\0\0TFL3 no network")
    with pytest.raises(CheckpointError, match="none of the landmark files"):
        load(params(checkpoint=str(damaged)))
    digest = hashlib.sha256(damaged.read_bytes()).hexdigest()
    with pytest.raises(CheckpointError, match="is no TensorFlow Lite network that OpenVINO reads"):
        load(params(checkpoint=str(damaged), checkpoint_sha256=digest))
    with pytest.raises(InputError, match="choose openvino"):
        load(params(runtime="onnxruntime"))


@pytest.mark.material
def test_a_photo_with_annotated_people(many: PoseBackend, material: Path) -> None:
    picture = cv2.imread(str(material / "photos" / "coco" / "000000000785.jpg"))
    assert picture is not None
    (poses,) = many.poses([np.ascontiguousarray(picture[:, :, ::-1], np.uint8)])
    annotations = json.loads((material / "photos" / "coco" / "test_coco.json").read_text())["annotations"]
    skier = next(a for a in annotations if a["image_id"] == 785)
    truth = np.array(skier["keypoints"], np.float32).reshape(1, 17, 3)
    found = np.stack([pose.xy[COMMON] for pose in poses])
    similarity, _ = best_pairs(found, truth[..., :2], np.array([skier["area"]], np.float32), COCO_17)
    assert similarity[0] > 0.7
