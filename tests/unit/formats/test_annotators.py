"""Two people of one number, and annotators who disagree: refused with who, when and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from made_up_tracks import made_up
from posemill.errors import InputError
from posemill.formats import coco, cvat, label_studio
from posemill.formats.frames import labelled_frames
from posemill.formats.label_studio_annotators import AnnotationChoice, is_annotator
from posemill.pose.skeleton import COCO_17
from posemill.review.inbound import read

ANNA = {"id": 1, "email": "anna@example.org", "first_name": "Anna", "last_name": "Berg"}


def task(*annotations: dict, predicted: bool = True) -> dict:
    """One frame's task; each annotation says `regions`: None = the predicted ones."""
    made = label_studio.tasks(labelled_frames(made_up(3, people=1, frames=1, unseen=0)), "finder-1", "x/")[0]
    regions = made["predictions"][0]["result"]
    rows = []
    for number, annotation in enumerate(annotations, 1):
        own = {"id": number, "was_cancelled": False, "updated_at": f"2026-01-0{number}", "result": regions}
        rows.append(own | annotation)
    if not predicted:
        made["predictions"] = []
    return made | {"annotations": rows}


def answered(tmp_path: Path, *tasks: dict, **choice: object) -> object:
    path = tmp_path / "back.json"
    path.write_text(json.dumps(list(tasks)))
    return label_studio.read_annotations(path, COCO_17, AnnotationChoice(**choice))  # type: ignore[arg-type]


def moved(x: float) -> list[dict]:
    regions = json.loads(json.dumps(task()["predictions"][0]["result"]))
    regions[1]["value"]["x"] = x
    return regions


def test_two_annotators_who_differ_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    one = task({"completed_by": ANNA, "result": moved(10)}, {"completed_by": 2, "result": moved(20)})
    answers = answered(tmp_path, one)
    (fault,) = answers.faults
    assert all(word in fault for word in ("annotator 1 (anna@example.org)", "annotator 2", "2026-01-01", "--annotator"))
    assert answers.people == {}
    for wanted, percent in (("anna@example.org", 10), ("anna", 10), ("Anna Berg", 10), ("1", 10), ("2", 20)):
        answers = answered(tmp_path, one, annotator=wanted)
        assert answers.faults == []
        ((people),) = answers.people.values()
        assert people[0][0, 0] == pytest.approx(percent / 100 * 320)
    answers = answered(tmp_path, one, annotator="carl")
    assert (answers.people, answers.faults) == ({}, [])
    assert "annotated by annotator 1" in answers.notes[0]


def test_annotators_who_agree_are_one(tmp_path: Path) -> None:
    answers = answered(tmp_path, task({"completed_by": 1}, {"completed_by": 2}))
    assert answers.faults == []
    assert len(answers.people) == 1
    assert "say the same" in answers.notes[0]


@pytest.mark.parametrize("by", [1, 2])
def test_an_empty_newer_annotation_replaces_nothing(by: int, tmp_path: Path) -> None:
    answers = answered(tmp_path, task({"completed_by": 1}, {"completed_by": by, "result": []}))
    assert len(answers.faults) == 1
    assert f"annotator {by} (empty, 2026-01-02)" in answers.faults[0]


def test_an_older_empty_one_of_the_same_annotator_counts_for_nothing(tmp_path: Path) -> None:
    answers = answered(tmp_path, task({"completed_by": 1, "result": []}, {"completed_by": 1}))
    assert answers.faults == []
    assert not np.isnan(next(iter(answers.people.values()))[0]).any()


def test_an_empty_canvas_over_predictions_is_no_answer_unless_that_is_said(tmp_path: Path) -> None:
    empty = task({"completed_by": 1, "result": []})
    assert "--allow-empty" in answered(tmp_path, empty).faults[0]
    answers = answered(tmp_path, empty, allow_empty=True)
    assert (answers.faults, list(answers.people.values())) == ([], [{}])
    by_hand = task({"completed_by": 1, "result": [], "parent_prediction": 7})
    assert answered(tmp_path, by_hand).faults == []  # the predicted regions were there, and were deleted
    assert answered(tmp_path, task({"result": []}, predicted=False)).faults == []


def test_skipped_tasks_are_told_and_do_not_count(tmp_path: Path) -> None:
    skipped = {"completed_by": 2, "was_cancelled": True, "result": []}
    answers = answered(tmp_path, task({"completed_by": 1}, skipped), task(skipped))
    assert answers.faults == []
    assert len(answers.people) == 1
    assert [note.endswith("was skipped by annotator 2") for note in answers.notes] == [True, True]
    draft = task() | {"drafts": [{"result": moved(5)}]}
    assert "a draft that was not submitted" in answered(tmp_path, draft).notes[0]


def test_a_newer_annotation_of_the_same_annotator_counts_and_is_told(tmp_path: Path) -> None:
    answers = answered(
        tmp_path, task({"completed_by": 1, "result": moved(10)}, {"completed_by": 1, "result": moved(20)})
    )
    assert answers.faults == []
    assert next(iter(answers.people.values()))[0][0, 0] == pytest.approx(64)
    assert "replaces annotator 1" in answers.notes[0]


def test_one_frame_in_two_tasks_is_refused(tmp_path: Path) -> None:
    assert "is in the file 2 times" in answered(tmp_path, task({}), task({})).faults[0]
    assert answered(tmp_path, task({}), task()).faults == []  # nobody annotated the other one


def test_a_second_person_of_the_same_number(tmp_path: Path) -> None:
    copied = [json.loads(json.dumps(r)) for r in task()["predictions"][0]["result"]]
    for region in copied:
        region["id"] = "new-" + region["id"][-9:]
        region["parentID"] = "new"
        region["value"]["x"] += 5
    only_keypoints = [r for r in copied if r["type"] == "keypointlabels"]
    for more in (copied, only_keypoints):
        both = task({"result": task()["predictions"][0]["result"] + more})
        assert "person 0 is twice in frame 0 of medium 000000000000" in answered(tmp_path, both).faults[0]
    pasted = [dict(r) for r in task()["predictions"][0]["result"]]
    pasted.append({**pasted[0], "id": "b1", "meta": {"text": ["person 1"]}})
    pasted[1] = {**pasted[1], "parentID": "b1"}
    assert "says person 0, and its box person 1" in answered(tmp_path, task({"result": pasted})).faults[0]


def test_cvat_and_coco_refuse_a_person_and_a_frame_that_are_there_twice(tmp_path: Path) -> None:
    frames = labelled_frames(made_up(3, people=1, frames=2, unseen=0))
    path = tmp_path / "annotations.xml"
    cvat.write_cvat(path, frames, COCO_17, "review")
    tree = Xml.parse(path)
    image = tree.getroot().find("image")
    assert image is not None
    image.append(image.findall("skeleton")[0])
    tree.write(path)
    (fault,) = cvat.read_annotations(path, COCO_17).faults
    assert "person 0 is twice in frame 0" in fault
    image.remove(image.findall("skeleton")[1])
    tree.getroot().append(image)  # a consensus copy of the same picture
    tree.write(path)
    assert "is in the file 2 times" in cvat.read_annotations(path, COCO_17).faults[0]

    content = coco.document(frames)
    other = tmp_path / "keypoints.json"
    other.write_text(json.dumps(content | {"annotations": [*content["annotations"], content["annotations"][0]]}))
    assert "person 0 is twice in frame 0" in coco.read_annotations(other, COCO_17).faults[0]
    copies = [*content["images"], content["images"][0] | {"id": 99}]
    other.write_text(json.dumps(content | {"images": copies}))
    assert "is in the file 2 times" in coco.read_annotations(other, COCO_17).faults[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_answers_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    content = json.dumps([task({})])
    (tmp_path / "ls.json").write_bytes(content.encode(encoding))
    assert len(read(tmp_path / "ls.json", COCO_17).people) == 1
    frames = labelled_frames(made_up(3, people=1, frames=1, unseen=0))
    (tmp_path / "c.json").write_bytes(json.dumps(coco.document(frames)).encode(encoding))
    assert len(read(tmp_path / "c.json", COCO_17).people) == 1
    cvat.write_cvat(tmp_path / "a.xml", frames, COCO_17, "review")
    text = (tmp_path / "a.xml").read_text().replace("encoding='utf-8'", f"encoding='{encoding[:6].rstrip('-')}'")
    (tmp_path / "b.xml").write_bytes(text.encode(encoding))
    assert len(read(tmp_path / "b.xml", COCO_17).people) == 1
    hostile = "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a [<!ENTITY b 'c'>]><annotations>&b;</annotations>"
    (tmp_path / "h.xml").write_bytes(hostile.encode("utf-16"))
    with pytest.raises(InputError, match="declares entities"):
        read(tmp_path / "h.xml", COCO_17)


def test_only_label_studio_says_who(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(coco.document([])))
    with pytest.raises(InputError, match="does not say who annotated"):
        read(tmp_path / "c.json", COCO_17, AnnotationChoice("anna"))
    assert not is_annotator(None, "1")


@pytest.mark.material
@pytest.mark.parametrize("name", ["coco_second.json", "cvat_second.xml", "ls_second.json"])
def test_a_bystander_who_is_person_0_too(name: str, cases: Path, tmp_path: Path) -> None:
    source = cases / "05-same-person-twice-in-a-frame" / name
    (fault,) = read(source, COCO_17).faults
    assert fault.startswith("person 0 is twice in frame 1 of medium a2030f34706c")
    shutil.make_archive(str(tmp_path / "x"), "zip", source.parent, name)
    assert read(tmp_path / "x.zip", COCO_17).faults == [fault]


@pytest.mark.material
def test_an_empty_canvas_does_not_hide_what_another_annotator_did(cases: Path) -> None:
    path = cases / "15-label-studio-empty-newest" / "ls_two_annotators.json"
    (fault,) = read(path, COCO_17).faults
    assert all(word in fault for word in ("annotator 1", "annotator 2 (empty, 2026-11-01T11:00:00Z)", "--annotator"))
    answers = read(path, COCO_17, AnnotationChoice("1"))
    assert answers.faults == []
    (people,) = answers.people.values()
    assert not np.isnan(people[0]).any()


def test_a_corner_is_no_answer_of_coco(tmp_path: Path) -> None:
    content = coco.document(labelled_frames(made_up(3, people=1, frames=1, unseen=0)))
    content["annotations"][0]["keypoints"][:6] = [0, 0, 2, -1, -1, 1]
    (tmp_path / "c.json").write_text(json.dumps(content))
    ((people),) = coco.read_annotations(tmp_path / "c.json", COCO_17).people.values()
    assert np.flatnonzero(np.isnan(people[0][:, 0])).tolist() == [0, 1]
