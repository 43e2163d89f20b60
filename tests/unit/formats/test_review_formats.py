"""Label Studio and CVAT: what goes there comes back, and what annotators change is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from made_up_tracks import made_up
from posemill.errors import InputError
from posemill.formats import cvat, label_studio
from posemill.formats.frames import Annotations, LabelledFrame, labelled_frames
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks


@pytest.fixture
def tracks() -> MediumTracks:
    return made_up(8, people=2, frames=6, unseen=0.2, states=1)


def assert_unchanged(came_back: Annotations, tracks: MediumTracks, but: tuple[int, int, int] | None = None) -> None:
    """Everything as it went, but for (frame, person, keypoint)."""
    assert came_back.faults == []
    shown = labelled_frames(tracks)
    assert set(came_back.people) == {(p.medium, p.frame) for p in shown}
    for picture in shown:
        people = came_back.people[picture.medium, picture.frame]
        assert set(people) == {p.person for p in picture.people}
        for person in picture.people:
            came, went = people[person.person].copy(), person.xy.copy()
            if but and but[:2] == (picture.frame, person.person):
                came[but[2]] = went[but[2]] = 0
            np.testing.assert_allclose(came, went, atol=0.01)


def annotated(tasks: list[dict]) -> list[dict]:
    """As Label Studio gives them back: predictions became annotations, whose regions have ids of their own."""
    for number, task in enumerate(tasks):
        result = json.loads(json.dumps(task["predictions"][0]["result"]))
        fresh = {region["id"]: f"r{number}-{i}" for i, region in enumerate(result)}
        for region in result:
            region["id"] = fresh[region["id"]]
            if "parentID" in region:
                region["parentID"] = fresh[region["parentID"]]
        task["annotations"] = [{"id": number, "was_cancelled": False, "result": result, "updated_at": "2026-01-02"}]
    return tasks


def test_label_studio(tracks: MediumTracks, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    label_studio.write_tasks(path, labelled_frames(tracks), COCO_17, "finder-1", "/data/local-files/?d=review/images/")
    tasks = json.loads(path.read_text())
    assert tasks[0]["data"]["image"].startswith("/data/local-files/?d=review/images/0000")
    assert tasks[0]["predictions"][0]["model_version"] == "finder-1"
    region = next(r for r in tasks[0]["predictions"][0]["result"] if r["type"] == "keypointlabels")
    assert 0 <= region["value"]["x"] <= 100
    assert {"original_width", "original_height", "image_rotation", "from_name", "to_name"} <= set(region)
    config = Xml.fromstring(path.with_suffix(".config.xml").read_text())
    names = {label.get("value") for label in config.find("KeyPointLabels")}  # type: ignore[union-attr]
    assert names == set(COCO_17.keypoints)
    assert {tag.get("name") for tag in config} == {"image", "person", "keypoint"}  # what from_name and to_name say
    assert label_studio.read_annotations(path, COCO_17).people == {}  # nobody has came_back anything
    path.write_text(json.dumps(annotated(tasks)))
    assert_unchanged(label_studio.read_annotations(path, COCO_17), tracks)


def test_label_studio_changes(tracks: MediumTracks, tmp_path: Path) -> None:
    tasks = annotated(label_studio.tasks(labelled_frames(tracks), "finder-1", "x/"))
    first = labelled_frames(tracks)[0]
    result = tasks[0]["annotations"][0]["result"]
    moved = next(r for r in result if r["type"] == "keypointlabels")
    moved["value"] |= {"x": 50.0, "y": 25.0}
    moved.pop("meta")  # drawn anew: only the parent says whose it is
    removed = [r for r in result if r["type"] == "keypointlabels"][1]
    result.remove(removed)
    tasks[1]["annotations"][0]["was_cancelled"] = True
    older = {"result": [], "updated_at": "2026-01-01"}
    tasks[0]["annotations"].append(older)
    path = tmp_path / "back.json"
    path.write_text(json.dumps(tasks))
    came_back = label_studio.read_annotations(path, COCO_17)
    said = came_back.people[first.medium, first.frame][int(result[0]["meta"]["text"][0].split()[1])]
    assert said[COCO_17.index(moved["value"]["keypointlabels"][0])].tolist() == [160, 60]
    assert np.isnan(said[COCO_17.index(removed["value"]["keypointlabels"][0])]).all()
    assert len(came_back.people) == len(tasks) - 1


def test_label_studio_faults_are_listed_together(tracks: MediumTracks, tmp_path: Path) -> None:
    tasks = annotated(label_studio.tasks(labelled_frames(tracks), "finder-1", "x/"))
    regions = tasks[0]["annotations"][0]["result"]
    next(r for r in regions if r["type"] == "keypointlabels")["value"]["keypointlabels"] = ["tail"]
    regions.append({"id": "lost", "type": "keypointlabels", "value": {"keypointlabels": ["nose"], "x": 1, "y": 1}})
    tasks[1]["data"]["image"] = "holiday.jpg"
    path = tmp_path / "back.json"
    path.write_text(json.dumps(tasks))
    faults = "; ".join(label_studio.read_annotations(path, COCO_17).faults)
    assert all(word in faults for word in ("'tail'", "region lost", "'holiday.jpg'"))
    for wrong in ("{}", "no", '[{"image": 1}]'):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"back\.json"):
            label_studio.read_annotations(path, COCO_17)


def test_cvat(tracks: MediumTracks, tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    cvat.write_cvat(path, labelled_frames(tracks), COCO_17, "review")
    assert_unchanged(cvat.read_annotations(path, COCO_17), tracks)
    root = Xml.parse(path).getroot()
    assert root.findtext("version") == "1.1"
    kinds = {label.findtext("name"): label.findtext("type") for label in root.iter("label")}
    assert kinds["person"] == "skeleton"
    assert sum(kind == "points" for kind in kinds.values()) == 17
    picture = labelled_frames(tracks)[0]
    drawn = root.find("image/skeleton")
    assert drawn is not None
    hidden = [p.get("label") for p in drawn.iter("points") if p.get("outside") == "1"]
    assert hidden == [COCO_17.keypoints[k] for k in np.flatnonzero(~picture.people[0].seen)]
    drawing = Xml.fromstring(f"<svg>{root.findtext('meta/task/labels/label/svg')}</svg>")
    assert len(drawing.findall("circle")) == 17
    assert len(drawing.findall("line")) == len(COCO_17.edges)


def test_cvat_changes_and_faults(tracks: MediumTracks, tmp_path: Path) -> None:
    path, picture = tmp_path / "annotations.xml", labelled_frames(tracks)[0]
    cvat.write_cvat(path, labelled_frames(tracks), COCO_17, "review")
    tree = Xml.parse(path)
    image = tree.getroot().findall("image")[0]
    points = list(image.findall("skeleton")[0].iter("points"))
    points[0].set("points", "7.5,8.5"), points[0].set("outside", "0")
    points[1].set("outside", "1")
    tree.write(path)
    said = cvat.read_annotations(path, COCO_17).people[picture.medium, picture.frame][picture.people[0].person]
    assert said[0].tolist() == [7.5, 8.5]
    assert np.isnan(said[1]).all()
    points[2].set("label", "tail")
    element = tree.getroot().findall("image/skeleton")[1]
    element.remove(element.find("attribute"))  # type: ignore[arg-type]
    tree.getroot().findall("image")[-1].set("name", "holiday.jpg")
    tree.write(path)
    faults = "; ".join(cvat.read_annotations(path, COCO_17).faults)
    assert all(word in faults for word in ("'tail'", "attribute `person`", "'holiday.jpg'"))


def test_cvat_video_tasks_are_read(tracks: MediumTracks, tmp_path: Path) -> None:
    inner = "".join(
        f'<skeleton frame="{frame}" keyframe="1" outside="{int(frame == 3)}" z_order="0">'
        f'<points label="nose" outside="0" occluded="1" points="{frame}.5,2.0"></points>'
        f'<points label="left_eye" outside="1" occluded="0" points="0,0"></points></skeleton>'
        for frame in (1, 2, 3)
    )
    (tmp_path / "video.xml").write_text(
        f"<annotations><version>1.1</version><meta><task><source>{tracks.medium}.mp4</source></task></meta>"
        f'<track id="0" label="person"><attribute name="person">1</attribute>{inner}</track></annotations>'
    )
    came_back = cvat.read_annotations(tmp_path / "video.xml", COCO_17)
    assert came_back.faults == []
    assert came_back.people[tracks.medium, 2][1][0].tolist() == [2.5, 2.0]
    assert np.isnan(came_back.people[tracks.medium, 2][1][1]).all()
    assert (tracks.medium, 3) not in came_back.people  # its track is over, and nobody looked at that frame


@pytest.mark.parametrize(
    "content", ["", "<a/>", "<annotations>", '<!DOCTYPE x [<!ENTITY a "b">]><annotations>&a;</annotations>']
)
def test_cvat_refuses_other_files(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(content)
    with pytest.raises(InputError, match=r"x\.xml"):
        cvat.read_annotations(tmp_path / "x.xml", COCO_17)


def doing(tracks: MediumTracks, activity: str, person: int = 0) -> list[LabelledFrame]:
    """Frames of the tracks, in which a person is said to do something."""

    def of(frame: LabelledFrame) -> LabelledFrame:
        return replace(
            frame, people=tuple(replace(p, activity=activity if p.person == person else "") for p in frame.people)
        )

    return [of(frame) for frame in labelled_frames(tracks)]


def test_activities_go_to_cvat_and_come_back(tracks: MediumTracks, tmp_path: Path) -> None:
    path, frames = tmp_path / "annotations.xml", doing(tracks, "squat")
    cvat.write_cvat(path, frames, COCO_17, "review", activities=["none of these", "squat", "wave"])
    root = Xml.parse(path).getroot()
    asked = {a.findtext("name"): a for a in root.iter("attribute") if a.find("name") is not None}
    assert asked["activity"].findtext("values") == "?\nnone of these\nsquat\nwave"
    assert asked["activity"].findtext("input_type") == "select"
    came_back = cvat.read_annotations(path, COCO_17)
    assert_unchanged(came_back, tracks)
    there = {(f.medium, f.frame): {0: "squat"} for f in frames if any(p.person == 0 for p in f.people)}
    assert came_back.activities == there  # the other person's is a question mark: nobody said


def test_activities_go_to_label_studio_and_come_back(tracks: MediumTracks, tmp_path: Path) -> None:
    path, frames = tmp_path / "tasks.json", doing(tracks, "squat", person=1)
    label_studio.write_tasks(path, frames, COCO_17, "m", "x/", activities=["squat", "wave"])
    config = Xml.fromstring(path.with_suffix(".config.xml").read_text())
    choices = config.find("Choices")
    assert choices is not None
    assert [c.get("value") for c in choices] == ["squat", "wave"]
    assert (choices.get("perRegion"), choices.get("whenTagName")) == ("true", "person")
    tasks = annotated(json.loads(path.read_text()))
    result = tasks[0]["annotations"][0]["result"]
    chosen = next(region for region in result if region["type"] == "choices")
    box = next(r for r in result if r["type"] == "rectanglelabels" and r["meta"]["text"] == ["person 1"])
    chosen |= {"id": box["id"], "value": {"choices": ["wave"]}}
    chosen.pop("meta")  # the box says whose choice it is
    path.write_text(json.dumps(tasks))
    came_back = label_studio.read_annotations(path, COCO_17)
    assert_unchanged(came_back, tracks)
    first = frames[0]
    assert came_back.activities[first.medium, first.frame] == {1: "wave"}
    assert {name for each in came_back.activities.values() for name in each.values()} == {"wave", "squat"}


def test_nothing_is_asked_where_no_activities_are_given(tracks: MediumTracks, tmp_path: Path) -> None:
    label_studio.write_tasks(tmp_path / "t.json", labelled_frames(tracks), COCO_17, "m", "x/")
    assert "Choices" not in (tmp_path / "t.config.xml").read_text()
    cvat.write_cvat(tmp_path / "a.xml", labelled_frames(tracks), COCO_17, "review")
    assert "activity" not in (tmp_path / "a.xml").read_text()
    assert cvat.read_annotations(tmp_path / "a.xml", COCO_17).activities == {}
