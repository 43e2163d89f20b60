"""Skeletons of people's own: as JSON and back, and what is no skeleton."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posemill.errors import SkeletonError
from posemill.pose.conversion import shared
from posemill.pose.definition import chosen, defined, definition, written_out
from posemill.pose.skeleton import (
    BODY_12,
    COCO_17,
    JHMDB_15,
    KINECT_20,
    NTU_25,
    OPENNI_15,
    SKELETONS,
    Skeleton,
)

HAND: dict[str, Any] = {
    "name": "two-hands",
    "keypoints": ["middle", "left_hand", "right_hand"],
    "edges": [["middle", "left_hand"], ["middle", "right_hand"]],
    "pairs": [["left_hand", "right_hand"]],
}


@pytest.mark.parametrize("body", SKELETONS.values(), ids=SKELETONS)
def test_a_known_one_is_its_name_and_written_out_it_is_the_same(body: Skeleton) -> None:
    assert definition(body) == body.name
    assert defined(body.name) == defined(json.loads(json.dumps(written_out(body)))) == body


def test_one_of_a_file_is_written_out_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "hands.json").write_text(json.dumps(HAND))
    body = chosen(str(tmp_path / "hands.json"))
    assert (body.name, len(body), body.flip_index.tolist()) == ("two-hands", 3, [0, 2, 1])
    assert body.sigmas == (0.08, 0.08, 0.08)
    assert defined(json.loads(json.dumps(definition(body)))) == body


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"edges": None}, "edges should be a list of two different keypoints each"),
        ({"edges": []}, "it has no edges"),
        ({"edges": [["middle", "left_foot"]]}, "edges name left_foot, which is no keypoint of it"),
        ({"edges": [["middle", "middle"]]}, "two different keypoints"),
        ({"keypoints": ["middle", "middle", "left_hand", "right_hand"]}, "middle comes twice"),
        ({"keypoints": ["Middle Finger", "middle", "left_hand", "right_hand"]}, "lower-case .*came Middle Finger"),
        ({"keypoints": "middle"}, "keypoints should be a list"),
        ({"pairs": [["left_hand", "right_hand"], ["left_hand", "middle"]]}, "a keypoint is in two pairs"),
        ({"sigmas": [0.1]}, "sigmas should be 3 numbers above 0"),
        ({"name": "a/b"}, "its name should be lower-case"),
        ({"name": "coco-17"}, "the name of a known skeleton, and this is another"),
        ({"colour": "red"}, "unknown key colour"),
    ],
)
def test_what_is_no_skeleton_says_why(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(HAND | changes))
    with pytest.raises(SkeletonError, match=f"x.json: .*{says}"):
        chosen(str(path))


def test_all_that_is_missing_is_told_together_and_no_json_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SkeletonError, match="it has no edges; it has no pairs"):
        defined({"name": "x", "keypoints": ["a", "b"]})
    with pytest.raises(SkeletonError, match=r"nowhere.json is no readable JSON"):
        chosen(str(tmp_path / "nowhere.json"))
    with pytest.raises(SkeletonError, match="unknown skeleton 'stick'; known are coco-17"):
        chosen("stick")


def test_what_several_share_is_a_known_skeleton_where_one_is() -> None:
    assert shared([NTU_25, NTU_25]) == NTU_25
    assert shared([NTU_25, KINECT_20]) == KINECT_20
    assert shared([COCO_17, JHMDB_15]) == shared([JHMDB_15, COCO_17]) == BODY_12


def test_what_several_share_keeps_edges_through_what_is_left_out() -> None:
    both = shared([COCO_17, OPENNI_15])
    assert both.name == "openni-15+coco-17"
    assert both.keypoints == (
        "left_shoulder",
        "left_elbow",
        "right_shoulder",
        "right_elbow",
        "left_hip",
        "left_knee",
        "right_hip",
        "right_knee",
    )
    sensors = shared([OPENNI_15, NTU_25])
    assert ("mid_neck", "left_shoulder") in sensors.edges
    assert ("mid_neck", "mid_head") in sensors.edges
    assert defined(json.loads(json.dumps(definition(both)))) == both
    with pytest.raises(SkeletonError, match="have no keypoint in common"):
        shared([COCO_17, defined(HAND)])
