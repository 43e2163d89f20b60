"""`posemill backends` and `posemill compare-backends`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from posemill.cli.backends import backends, compare_backends
from posemill.errors import CheckpointError, InputError
from posemill.estimation.registry import BACKENDS
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17, OPENPOSE_18
from posemill.video.encode import VideoWriter


class Still:
    """A person in the middle of every picture."""

    def __init__(self, params: LabelParams) -> None:
        self.skeleton = OPENPOSE_18 if params.backend == "openpose" else COCO_17

    def describe(self) -> dict[str, Any]:
        return {}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        xy = np.random.default_rng(1).uniform(20, 60, (len(self.skeleton), 2)).astype(np.float32)
        return [[Pose(xy, np.ones(len(xy), np.float32), 1.0)] for _ in images]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[LabelParams]:
    """Parameters with which backends were loaded; they are all stand-ins, and detectron2 has no weights."""
    seen: list[LabelParams] = []

    def load(name: str, params: LabelParams) -> Still:
        seen.append(params)
        if name == "detectron2":
            raise CheckpointError("no weights here")
        return Still(params)

    monkeypatch.setattr("posemill.estimation.factory.load_backend", load)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    return seen


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 10, 96, 64) as writer:
        for n in range(20):
            writer.write(np.full((64, 96, 3), 10 * n, np.uint8), n / 10)
    return path


def test_the_table_names_licences_and_what_is_missing() -> None:
    shown = CliRunner().invoke(backends, []).output
    (line,) = [line for line in shown.splitlines() if line.startswith("openpifpaf ")]
    assert "AGPL-3.0" in line
    assert all(f"\n{name}" in shown for name in BACKENDS)
    if not BACKENDS["detectron2"].ready:
        assert "→ no package detectron2" in shown


def test_json_has_one_object_a_backend() -> None:
    rows = [json.loads(line) for line in CliRunner().invoke(backends, ["--json"]).output.splitlines()]
    assert [row["backend"] for row in rows] == list(BACKENDS)
    assert all(row["ready"] == (row["missing"] == "") for row in rows)
    assert all(row["weights_licence"] and row["weights_origin"] for row in rows)


def test_backends_are_compared_on_the_same_pictures(loaded: list[LabelParams], clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    arguments = [str(clip), "--frames", "3", "--out", str(out), "--json"]
    arguments += ["--backend", "posenet", "--backend", "openpose", "--backend", "posenet=mine.safetensors"]
    answer = json.loads(CliRunner().invoke(compare_backends, arguments, catch_exceptions=False).output)
    assert answer["pictures"] == 3
    assert [row["people"] for row in answer["backends"]] == [3, 3, 3]
    assert [(pair["backend"], pair["other"]) for pair in answer["pairs"]] == [
        ("posenet", "openpose"),
        ("posenet", "posenet=mine.safetensors"),
        ("openpose", "posenet=mine.safetensors"),
    ]
    same = answer["pairs"][1]
    assert (same["same"], same["share"], same["mean_oks"], same["keypoints"]) == (3, 1.0, 1.0, 17)
    assert [p.checkpoint for p in loaded] == ["posenet", "mobilenet_thin", "mine.safetensors"]
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape[1] > 3 * 320  # a column a backend
    assert sheet.shape[0] > 3 * 213  # a row a picture


def test_one_that_cannot_run_is_named_and_the_others_go_on(
    loaded: list[LabelParams], clip: Path, tmp_path: Path
) -> None:
    arguments = [str(clip), "--frames", "2", "--out", str(tmp_path / "s.png")]
    shown = CliRunner().invoke(compare_backends, [*arguments, "--backend", "posenet", "--backend", "detectron2"])
    assert shown.exit_code == 0
    assert "detectron2 did not run: no weights here" in shown.output
    with pytest.raises(InputError, match="no backend ran: detectron2: no weights here"):
        CliRunner().invoke(compare_backends, [*arguments, "--backend", "detectron2"], catch_exceptions=False)
    with pytest.raises(InputError, match="known are openpifpaf"):
        CliRunner().invoke(compare_backends, [*arguments, "--backend", "alphapose"], catch_exceptions=False)


def test_a_clip_of_the_database_is_seen_in_its_own_stretch(
    loaded: list[LabelParams], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Store:
        def __init__(self, url: str) -> None: ...

        def fetch(self, digest: str) -> Path:
            return clip

    def poses(self: Still, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        seen.extend(int(image.mean()) for image in images)
        return [[] for _ in images]

    row = {"kind": "video", "digest": "5c" * 32}
    monkeypatch.setattr("posemill.cli.tracks.find", lambda settings, which: (row, 1.0, float("inf")))
    monkeypatch.setattr("posemill.store.media.MediaStore", Store)
    monkeypatch.setattr(Still, "poses", poses)
    arguments = ["12", "--frames", "2", "--out", str(tmp_path / "s.png"), "--backend", "posenet"]
    shown = CliRunner().invoke(compare_backends, arguments, catch_exceptions=False)
    assert "2 pictures" in shown.output
    assert min(seen) > 95  # frame n is of grey 10 n, and the stretch begins with frame 10
    row["kind"] = "keypoints"
    with pytest.raises(InputError, match="keypoints only"):
        CliRunner().invoke(compare_backends, arguments, catch_exceptions=False)
