"""COCO keypoints as single pictures, and the tracks that posemill wrote in that form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up_tracks import assert_same, made_up
from posemill.errors import InputError
from posemill.formats.coco import write_coco
from posemill.ingest.datasets.coco import sequences
from posemill.ingest.sequence import Fault, Sequence
from posemill.pose.skeleton import COCO_17

CATEGORY = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints), "skeleton": []}


def person(image: int, seed: int, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.integers(1, 200, (17, 2)), rng.integers(0, 3, 17)])
    values[:, :2][values[:, 2] == 0] = 0
    return {
        "id": seed,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": values.ravel().tolist(),
    } | changes


def written(path: Path, annotations: list[Any], images: int = 3, category: Any = CATEGORY) -> Path:
    shown = [{"id": i, "file_name": f"{i:06d}.jpg", "width": 320, "height": 240} for i in range(1, images + 1)]
    path.write_text(json.dumps({"images": shown, "annotations": annotations, "categories": [category]}))
    return path


def test_pictures_come_exactly_and_without_crowds(tmp_path: Path) -> None:
    nobody = person(1, 9, keypoints=[0] * 51)
    path = written(tmp_path / "k.json", [person(1, 1), person(1, 2), nobody, person(2, 3, iscrowd=1), person(3, 4)])
    first, third = sequences(path, split="test")
    assert (first.name, first.activity, first.split, third.name) == ("000001.jpg", None, "test", "000003.jpg")
    assert (first.tracks.frames, first.tracks.width_px, first.tracks.height_px, len(first.tracks.tracks)) == (
        1,
        320,
        240,
        2,
    )
    for track, seed in zip(first.tracks.tracks, (1, 2), strict=True):
        wanted = np.array(person(1, seed)["keypoints"], np.float32).reshape(17, 3)
        np.testing.assert_array_equal(track.confidence[0], wanted[:, 2] / 2)
        seen = wanted[:, 2] > 0
        np.testing.assert_array_equal(track.xy[0, seen], wanted[seen, :2])
        assert np.isnan(track.xy[0, ~seen]).all()


def test_keypoints_are_taken_by_name(tmp_path: Path) -> None:
    order = [*COCO_17.keypoints[::-1], "left_toe"]
    other = CATEGORY | {"keypoints": order}
    values = np.column_stack([np.arange(1, 19), np.arange(101, 119), np.full(18, 2)]).ravel().tolist()
    (found,) = sequences(written(tmp_path / "k.json", [person(1, 1, keypoints=values)], category=other))
    (track,) = found.tracks.tracks
    assert found.tracks.skeleton == COCO_17
    np.testing.assert_array_equal(track.xy[0, COCO_17.index("right_ankle")], [1, 101])
    np.testing.assert_array_equal(track.xy[0, COCO_17.index("nose")], [17, 117])


def test_what_is_wrong_is_told_of_each(tmp_path: Path) -> None:
    bad = [
        person(1, 1, keypoints=[1, 2, 2] * 5),
        person(2, 2, keypoints=[1, 2, 7] * 17),
        person(7, 3),
        person(3, 4, category_id=5),
        person(4, 5),
    ]
    rows = list(sequences(written(tmp_path / "k.json", bad, images=4)))
    assert [s.name for s in rows if isinstance(s, Sequence)] == ["000004.jpg"]
    told = {f.name: f.reason for f in rows if isinstance(f, Fault)}
    assert "expected 17 times x, y, visibility" in told["000001.jpg"]
    assert "none of 0, 1, 2" in told["000002.jpg"]
    assert "categories {5}" in told["000003.jpg"]
    assert "not in the list of images" in told["image 7"]


def test_tracks_that_posemill_wrote_come_back(tmp_path: Path) -> None:
    went = [made_up(1), made_up(2, people=1)]
    write_coco(tmp_path / "k.json", went)
    for sequence, tracks in zip(sequences(tmp_path / "k.json", dataset="x"), went, strict=True):
        assert sequence.tracks.medium == f"x/{tracks.medium}"
        assert_same(replace(sequence.tracks, medium=tracks.medium), tracks)


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"images": []}', '{"images": [], "annotations": [1]}'])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(InputError, match=r"k\.json is no"):
        list(sequences(tmp_path / "k.json"))


def test_one_annotation_twice_is_no_second_person(tmp_path: Path) -> None:
    (found,) = sequences(written(tmp_path / "k.json", [person(1, 1), person(1, 1)], images=1))
    assert isinstance(found, Fault)
    assert "annotation 1 is there twice" in found.reason


def test_people_beside_their_picture_are_of_another_one(tmp_path: Path) -> None:
    moved = person(1, 1)
    moved["keypoints"] = [v if i % 3 == 2 or not v else v + 400 for i, v in enumerate(moved["keypoints"])]
    (found,) = sequences(written(tmp_path / "k.json", [moved], images=1))
    assert isinstance(found, Fault)
    assert "outside of the picture of 320x240" in found.reason
