"""The one way from pictures and videos to poses and tracks."""

from __future__ import annotations

import doctest
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import InputError, UnreadableMedia
from posemill.estimation import factory
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.fingerprint import fingerprint, pose_fingerprint
from posemill.estimation.registry import BACKENDS
from posemill.estimation.types import FramePoses, FrameSpan, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from stand_in_labeller import StandIn, write_video


class Corners:
    """Two people at the picture's origin, of whom the second is more confident."""

    skeleton = COCO_17

    def describe(self) -> dict[str, Any]:
        return {"backend": "corners"}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        body, one = np.zeros((17, 2), np.float32), np.ones(17, np.float32)
        return [[Pose(body, one, 0.3), Pose(body, one, 0.6)] for _ in images]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("estimator") / "passing.mp4", 1, 45)


def test_the_network_is_loaded_on_first_use_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, LabelParams]] = []

    def load(name: str, params: LabelParams) -> PoseBackend:
        loaded.append((name, params))
        return Corners()

    monkeypatch.setattr(factory, "load_backend", load)
    estimator = PoseEstimator("posenet", long_edge_px=641)
    assert not loaded
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: estimator.skeleton.name, range(32))) == {"coco-17"}
    assert [(name, params.backend, params.long_edge_px) for name, params in loaded] == [("posenet", "posenet", 641)]
    assert PoseEstimator("posenet").load().describe() == {"backend": "corners"}


def test_parameters_are_those_given_with_the_settings_in_them() -> None:
    assert PoseEstimator().params == LabelParams()
    given = LabelParams(backend="openpose", checkpoint="mine.onnx", checkpoint_sha256="0" * 64, threads=1)
    assert PoseEstimator(params=given).params == given
    assert PoseEstimator("openpose", params=given, threads=3).params == given.model_copy(update={"threads": 3})
    other = PoseEstimator("movenet", params=given).params  # whose checkpoint that file is not
    assert (other.backend, other.checkpoint, other.checkpoint_sha256) == ("movenet", "lightning", None)
    assert other.threads == 1
    assert PoseEstimator("movenet", params=given, checkpoint="thunder.onnx").params.checkpoint == "thunder.onnx"
    assert PoseEstimator("posenet", tta={"flip": True}).params.tta.flip


def test_wrong_names_and_settings_are_refused_at_once() -> None:
    with pytest.raises(InputError, match=f"unknown pose backend 'alphapose'; known are {', '.join(BACKENDS)}"):
        PoseEstimator("alphapose")
    with pytest.raises(InputError, match=r"long_edge_px: .*16n \+ 1.*; colour: Extra inputs"):
        PoseEstimator("posenet", long_edge_px=640, colour="red")


def test_people_of_a_picture_come_most_confident_first_in_its_own_pixels() -> None:
    estimator = PoseEstimator.from_backend(Corners(), LabelParams(roi=(0.5, 0.25, 1.0, 1.0)))
    (people, others) = estimator.predict([np.zeros((40, 60, 3), np.uint8), np.zeros((80, 20, 3), np.uint8)])
    assert [pose.person_confidence for pose in people] == [0.6, 0.3]
    assert (people[0].xy[0].tolist(), others[0].xy[0].tolist()) == ([30, 10], [10, 20])
    assert estimator.predict([]) == []


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((40, 60, 3), np.uint8),
        [np.zeros((40, 60), np.uint8)],
        [np.zeros((40, 60, 3))],
        [np.zeros((0, 60, 3), np.uint8)],
        ["a.jpg"],
    ],
)
def test_what_is_no_picture_is_refused_with_what_came(images: Any) -> None:
    with pytest.raises(InputError, match=r"should be a list of \(H, W, 3\) uint8 RGB arrays, came"):
        PoseEstimator.from_backend(Corners()).predict(images)


def test_a_video_is_tracked_as_its_frames_are_followed(video: Path) -> None:
    estimator = PoseEstimator.from_backend(StandIn())
    seen: list[FramePoses] = []
    tracks = estimator.track(video, on_frame=seen.append)
    assert [frame.frame for frame in seen] == list(range(45))
    assert tracks.medium == hashlib.sha256(video.read_bytes()).hexdigest()
    assert tracks.labeller == estimator.fingerprint
    assert (tracks.width_px, tracks.height_px, tracks.frames, tracks.duration_s) == (128, 32, 45, 4.5)
    assert len(tracks.tracks) == 2
    again = estimator.follow(estimator.stream(video), tracks.medium, (128, 32), 4.5)
    sandboxed = estimator.track(str(video), sandboxed=True)
    for other in (again, sandboxed):
        for one, two in zip(tracks.tracks, other.tracks, strict=True):
            np.testing.assert_array_equal(one.xy, two.xy)
            np.testing.assert_array_equal(one.time_s, two.time_s)


def test_a_span_of_a_video_has_the_frames_of_the_whole(video: Path) -> None:
    estimator = PoseEstimator.from_backend(StandIn(), LabelParams(frame_stride=2))
    assert [frame.frame for frame in estimator.stream(video, FrameSpan(11, 17))] == [12, 14, 16]


@pytest.mark.parametrize("sandboxed", [False, True])
def test_an_error_of_the_caller_ends_the_work(video: Path, sandboxed: bool) -> None:
    def stop(frame: FramePoses) -> None:
        if frame.frame == 3:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError):
        PoseEstimator.from_backend(StandIn()).track(video, stop, sandboxed)


@pytest.mark.parametrize("sandboxed", [False, True])
def test_what_is_no_video_is_unreadable(tmp_path: Path, sandboxed: bool) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UnreadableMedia):
        PoseEstimator.from_backend(StandIn()).track(tmp_path / "a.mp4", sandboxed=sandboxed)


def test_fingerprints_are_of_backend_and_parameters() -> None:
    params = LabelParams(frame_stride=2)
    estimator = PoseEstimator.from_backend(Corners(), params)
    assert estimator.fingerprint == fingerprint(Corners().describe(), params)
    assert estimator.pose_fingerprint == pose_fingerprint(Corners().describe(), params)
    assert estimator.pose_fingerprint != PoseEstimator.from_backend(Corners()).pose_fingerprint


def test_the_skeleton_in_use_names_the_poses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    describes = {"backend": "x", "skeleton": "coco-17"}
    before = pose_fingerprint(describes, LabelParams())
    other = {"coco-17": COCO_17.__class__("coco-17", COCO_17.keypoints, (), COCO_17.pairs, COCO_17.sigmas)}
    monkeypatch.setattr("posemill.estimation.fingerprint.SKELETONS", other)
    assert pose_fingerprint(describes, LabelParams()) != before


def test_old_names_of_settings_are_read_with_a_warning() -> None:
    old = {"second_look": 0.3, "follow_hint": {"full_look_every": 4}}
    with pytest.warns(DeprecationWarning, match="is deprecated: use") as warned:
        params = LabelParams.model_validate(old)
    assert len(warned) == 3
    assert params.roi_propagation is not None
    assert (params.rotation_fallback_threshold, params.roi_propagation.keyframe_interval) == (0.3, 4)
    with pytest.warns(DeprecationWarning, match="(looks|also_px) is deprecated"):
        assert LabelParams.model_validate({"looks": {"also_px": [641]}}).tta.scales_px == (641,)


@pytest.mark.parametrize(
    "module", ["estimator", "postprocess", "tracking.tracker"], ids=lambda name: name.rpartition(".")[2]
)
def test_the_examples_are_right(module: str, pose_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(pose_home))
    results = doctest.testmod(import_module(f"posemill.estimation.{module}"))
    assert (results.failed, results.attempted > 0) == (0, True)


def test_estimation_is_imported_alone() -> None:
    """No database, no ledger, no network library before one is asked for."""
    code = (
        "import sys, posemill.estimation.estimator; "
        "print(sorted({'sqlalchemy', 'psycopg2', 'torch', 'openvino', 'prefect', 'fsspec'} & set(sys.modules)), "
        "[m for m in sys.modules if m.startswith(('posemill.store', 'posemill.labelling'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
