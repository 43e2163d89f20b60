"""COCO's figures for people whose answers are known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posemill.estimation.types import Pose
from posemill.pose.conversion import convert
from posemill.pose.skeleton import BODY_12, COCO_17, OPENPOSE_18

BODY = np.random.default_rng(3).uniform(0, 200, (17, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmarks are scripts: they find each other in their own folder."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    yield
    for name in ("pose_accuracy", "coco_keypoints"):
        sys.modules.pop(name, None)


def at(x: float, sure: float = 0.9) -> Pose:
    return Pose(BODY + np.array([x, 0], np.float32), np.ones(17, np.float32), sure)


def photo(places: list[float], ignored: list[float] = [], crowd: bool = False) -> Any:  # noqa: B006
    from pose_accuracy import Photo

    boxes = tuple(((x, 0.0, 200.0, 200.0), crowd) for x in ignored)
    xy = np.stack([at(x).xy for x in places])
    return Photo(Path("x"), "g", xy, np.full(len(places), 20_000, np.float32), boxes)


def test_the_truth_is_perfect_whoever_is_ignored() -> None:
    from coco_keypoints import coco_figures

    photos = [photo([0, 300]), photo([50], ignored=[600], crowd=True)]
    found = [[at(0), at(300, 0.5)], [at(50, 0.3), at(600, 0.8)]]
    figures = coco_figures(photos, found, COCO_17)
    assert (figures["ap"], figures["ar"]) == (1, 1)


def test_a_miss_lowers_recall_and_a_sure_ghost_precision() -> None:
    from coco_keypoints import coco_figures

    photos = [photo([0, 300])]
    assert coco_figures(photos, [[at(0)]], COCO_17)["ar"] == 0.5
    ghost = coco_figures(photos, [[at(0, 0.5), at(300, 0.5), at(900, 0.9)]], COCO_17)
    assert ghost["ar"] == 1
    assert 0.6 < ghost["ap"] < 0.7  # two of the three are right, the surest is not
    assert coco_figures(photos, [[at(0, 0.9), at(300, 0.9), at(900, 0.5)]], COCO_17)["ap"] == 1
    assert coco_figures(photos, [[]], COCO_17)["ap"] == 0


def test_other_skeletons_count_by_name() -> None:
    from coco_keypoints import by_name, coco_figures

    xy, sure = convert(BODY, np.ones(17, np.float32), COCO_17, OPENPOSE_18)
    assert coco_figures([photo([0])], [[Pose(xy, sure, 1.0)]], OPENPOSE_18)["ap"] == 1
    xy, sure = convert(BODY, np.ones(17, np.float32), COCO_17, BODY_12)
    body = Pose(xy, sure, 1.0)
    assert np.isnan(by_name(body, BODY_12)[:5]).all()
    figures = coco_figures([photo([0])], [[body]], BODY_12)
    assert figures["ap_50"] == 1  # 12 of 17 keypoints: OKS 0.71
    assert figures["ap_75"] == 0


def test_annotations_are_read_with_those_to_ignore(tmp_path: Path) -> None:
    import json

    from pose_accuracy import photos

    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"")
    flat = np.concatenate([BODY, np.full((17, 1), 2)], 1).reshape(-1).tolist()
    person = {"image_id": 1, "bbox": [0, 0, 100, 200], "area": 7000, "iscrowd": 0, "keypoints": flat}
    content = {
        "images": [{"id": 1, "file_name": "images/a.jpg"}],
        "categories": [{"keypoints": list(COCO_17.keypoints)}],
        "annotations": [person, {**person, "iscrowd": 1}, {**person, "keypoints": [0] * 51}],
    }
    (tmp_path / "set" / "truth.json").write_text(json.dumps(content))
    (found,) = photos(tmp_path)
    np.testing.assert_allclose(found.xy, BODY[None], rtol=1e-6)
    assert found.area_px2.tolist() == [7000]
    assert [crowd for _, crowd in found.ignored] == [True, False]
