from __future__ import annotations

import json
from pathlib import Path

import pytest

from posemill.errors import CheckpointError
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.serving.poser import Poser


class Backend:
    skeleton = COCO_17

    def describe(self) -> dict[str, object]:
        return {"backend": "toy", "checkpoint_sha256": "b" * 64, "size": (1, 2)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("posemill.serving.poser.load_backend", lambda name, params: Backend())
    return tmp_path


def write(folder: Path, describes: dict[str, object] | None) -> None:
    params = LabelParams(long_edge_px=321).model_dump(mode="json")
    (folder / "labeller.json").write_text(json.dumps({"backend": "toy", "params": params, "describes": describes}))


def test_the_same_labeller_is_taken_with_its_parameters(folder: Path) -> None:
    write(folder, Backend().describe())
    assert Poser.load(folder).params.long_edge_px == 321


def test_another_checkpoint_is_refused(folder: Path) -> None:
    write(folder, {**Backend().describe(), "checkpoint_sha256": "a" * 64})
    with pytest.raises(CheckpointError, match="differs from the one that labelled the training data in checkpoint"):
        Poser.load(folder)


def test_imported_keypoints_bind_nobody(folder: Path) -> None:
    write(folder, None)
    assert Poser.load(folder).backend.skeleton == COCO_17
