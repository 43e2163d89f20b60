from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.serving.pose_estimator import PackagedPoseEstimator


class Backend:
    skeleton = COCO_17

    def describe(self) -> dict[str, object]:
        return {"backend": "toy", "checkpoint_sha256": "b" * 64, "size": (1, 2)}

    def poses(self, images: list[NDArray[np.uint8]]) -> list[list[Pose]]:
        """Two people at the picture's origin, of which the second is surer."""
        return [
            [Pose(np.zeros((17, 2), np.float32), np.ones(17, np.float32), sure) for sure in (0.3, 0.6)] for _ in images
        ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("posemill.estimation.factory.load_backend", lambda name, params: Backend())
    return tmp_path


def write(folder: Path, describes: dict[str, object] | None, **fields: Any) -> None:
    params = LabelParams(long_edge_px=321, **fields).model_dump(mode="json")
    (folder / "labeller.json").write_text(json.dumps({"backend": "toy", "params": params, "describes": describes}))


def test_the_same_labeller_is_taken_with_its_parameters(folder: Path) -> None:
    write(folder, Backend().describe())
    assert PackagedPoseEstimator.load(folder).params.long_edge_px == 321


def test_another_checkpoint_is_refused(folder: Path) -> None:
    write(folder, {**Backend().describe(), "checkpoint_sha256": "a" * 64})
    with pytest.raises(CheckpointError, match="differs from the one that labelled the training data in checkpoint"):
        PackagedPoseEstimator.load(folder)


def test_imported_keypoints_bind_nobody(folder: Path) -> None:
    write(folder, None)
    assert PackagedPoseEstimator.load(folder).backend.skeleton == COCO_17


def test_a_picture_is_looked_at_where_videos_are(folder: Path) -> None:
    write(folder, None, roi=(0.5, 0.25, 1.0, 1.0))
    poser = PackagedPoseEstimator.load(folder)
    poser.warm()
    first, second = poser.poses(np.zeros((40, 60, 3), np.uint8))
    assert (first.person_confidence, second.person_confidence) == (0.6, 0.3)
    assert first.xy[0].tolist() == [30, 10]
