"""Annotations of pictures that a tool showed in another size or turned: pixels there are not the medium's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from made_up_tracks import made_up
from posemill.formats import coco, cvat, label_studio
from posemill.formats.frames import Annotations, LabelledFrame, labelled_frames
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks
from posemill.review.inbound import _rows

TRACKS = made_up(8, people=2, frames=4)
Change = Callable[[int], int]


def from_cvat(path: Path, frames: list[LabelledFrame], change: Change) -> Annotations:
    cvat.write_cvat(path, frames, COCO_17, "task")
    root = Xml.parse(path)
    for image in root.iter("image"):
        image.set("width", str(change(int(image.get("width", 0)))))
    root.write(path)
    return cvat.read_annotations(path, COCO_17)


def from_coco(path: Path, frames: list[LabelledFrame], change: Change) -> Annotations:
    coco.write_frames(path, frames, COCO_17)
    content = json.loads(path.read_text())
    for image in content["images"]:
        image["width"] = change(image["width"])
    path.write_text(json.dumps(content))
    return coco.read_annotations(path, COCO_17)


def from_label_studio(path: Path, frames: list[LabelledFrame], change: Change, **turned: int) -> Annotations:
    tasks = label_studio.tasks(frames, "finder-1", "x/")
    for number, task in enumerate(tasks):
        result = task["predictions"][0]["result"]
        for region in result:
            region |= {"original_width": change(region["original_width"])} | turned
        task["annotations"] = [{"id": number, "result": result}]
    path.write_text(json.dumps(tasks))
    return label_studio.read_annotations(path, COCO_17)


def labelled(tracks: MediumTracks) -> Any:
    return SimpleNamespace(
        rows={tracks.medium: {}},
        labeller=SimpleNamespace(fingerprint=tracks.labeller),
        tracks_by=lambda medium, origin: tracks,
    )


@pytest.mark.parametrize("read", [from_cvat, from_coco, from_label_studio])
def test_pictures_of_another_size_are_refused(read: Any, tmp_path: Path) -> None:
    frames = labelled_frames(TRACKS)
    same = read(tmp_path / "same", frames, lambda width: width)
    assert _rows(labelled(TRACKS), same) == []
    assert same.faults == []
    half = read(tmp_path / "half", frames, lambda width: width // 2)
    assert _rows(labelled(TRACKS), half) == []
    (fault,) = half.faults
    assert f"has pictures of {TRACKS.width_px}x{TRACKS.height_px}" in fault
    assert f"annotated in pictures of {TRACKS.width_px // 2}x{TRACKS.height_px}" in fault


def test_a_turned_picture_is_refused(tmp_path: Path) -> None:
    turned = from_label_studio(tmp_path / "t", labelled_frames(TRACKS), lambda width: width, image_rotation=90)
    assert "was turned by 90 degrees in Label Studio" in turned.faults[0]
