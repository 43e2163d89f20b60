"""Label Studio: tasks with the predicted keypoints as `predictions`, and the annotations that come back.

A person is a rectangle, its keypoints are the rectangle's children; the person's number is in the rectangle's and the
keypoints' meta text, which Label Studio keeps when regions get new ids. Places are percent of the picture. What the
person does, where it is asked, is a choice of the rectangle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from posemill.errors import InputError
from posemill.formats.entry import Format
from posemill.formats.frames import FRAME_NAME, Annotations, Instance, LabelledFrame
from posemill.formats.label_studio_annotators import AnnotationChoice, TaskLog, choose
from posemill.pose.skeleton import Skeleton
from posemill.text_file import read_text

_PERSON = re.compile(r"\bperson[ -](\d+)\b")
_POINT_PERCENT = 0.6  # size of a drawn keypoint


def tasks(frames: Iterable[LabelledFrame], model_version: str, image_root: str) -> list[dict[str, Any]]:
    """Build the tasks, one a frame.

    image_root  the URL of the JPEGs' folder as Label Studio sees it, ending in a slash.
    """
    return [
        {
            "data": {"image": f"{image_root}{picture.file_name}", "medium": picture.medium, "frame": picture.frame},
            "predictions": [
                {
                    "model_version": model_version,
                    "score": _score(picture),
                    "result": [region for person in picture.people for region in _regions(picture, person)],
                }
            ],
        }
        for picture in frames
    ]


def labelling_config(skeleton: Skeleton, activities: Sequence[str] = ()) -> str:
    """Return the labelling interface that the tasks need (Settings → Labelling interface → Code).

    activities  that people may be said to do; none = nobody is asked.
    """
    labels = "".join(f"\n    <Label value={quoteattr(name)}/>" for name in skeleton.keypoints)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        '  <RectangleLabels name="person" toName="image">\n    <Label value="person"/>\n  </RectangleLabels>\n'
        f'  <KeyPointLabels name="keypoint" toName="image">{labels}\n  </KeyPointLabels>\n'
        f"{_choices(activities)}</View>\n"
    )


def _choices(activities: Sequence[str]) -> str:
    if not activities:
        return ""
    each = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in activities)
    of = 'name="activity" toName="image" choice="single" perRegion="true" whenTagName="person"'
    return f"  <Choices {of}>{each}\n  </Choices>\n"


def _score(picture: LabelledFrame) -> float:
    return round(float(np.mean([p.mean_confidence for p in picture.people])), 4) if picture.people else 0.0


def _regions(picture: LabelledFrame, person: Instance) -> list[dict[str, Any]]:
    size = np.array([picture.width_px, picture.height_px])
    common = {
        "to_name": "image",
        "original_width": picture.width_px,
        "original_height": picture.height_px,
        "image_rotation": 0,
        "meta": {"text": [f"person {person.person}"]},
    }
    box = np.array(person.box()).reshape(2, 2) / size * 100
    parent = f"person-{person.person}"
    place = {"x": box[0, 0], "y": box[0, 1], "width": box[1, 0], "height": box[1, 1], "rotation": 0}
    value = {name: round(float(v), 4) for name, v in place.items()} | {"rectanglelabels": ["person"]}
    regions = [common | {"id": parent, "from_name": "person", "type": "rectanglelabels", "value": value}]
    if person.activity:
        chosen = {name: value[name] for name in place} | {"choices": [person.activity]}
        regions.append(common | {"id": parent, "from_name": "activity", "type": "choices", "value": chosen})
    for k in np.flatnonzero(person.seen).tolist():
        name, (x, y) = picture.skeleton.keypoints[k], person.xy[k] / size * 100
        value = {"x": round(float(x), 4), "y": round(float(y), 4), "width": _POINT_PERCENT, "keypointlabels": [name]}
        regions.append(
            common
            | {
                "id": f"{parent}-{name}",
                "parentID": parent,
                "from_name": "keypoint",
                "type": "keypointlabels",
                "score": round(float(person.confidence[k]), 4),
                "value": value,
            }
        )
    return regions


def write_tasks(
    path: Path,
    frames: Iterable[LabelledFrame],
    skeleton: Skeleton,
    model_version: str,
    image_root: str,
    activities: Sequence[str] = (),
) -> None:
    """Write the tasks, and beside them `<name>.config.xml` with the labelling interface."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tasks(frames, model_version, image_root)))
    path.with_suffix(".config.xml").write_text(labelling_config(skeleton, activities))


def read_annotations(path: Path, skeleton: Skeleton, choice: AnnotationChoice | None = None) -> Annotations:
    """Read one annotation of every task that has one that was not skipped; other tasks are left out.

    A keypoint that was deleted is unseen; a person whose regions are all gone is unseen in that frame. Of several
    annotations `choice` says which counts: see label_studio_annotators.
    """
    try:
        listed = json.loads(read_text(path))
    except (ValueError, OSError) as exc:
        raise InputError(f"{path} is not readable as JSON: {exc}") from exc
    if not isinstance(listed, list) or not all(isinstance(t, dict) and "data" in t for t in listed):
        raise InputError(
            f"{path} is no export of Label Studio: expected its format JSON (not JSON-MIN), a list of tasks"
        )
    annotated, chosen = Annotations(skeleton), []
    log = TaskLog(annotated.faults, annotated.notes)
    for position, task in enumerate(listed, 1):
        name = str(task["data"].get("image", ""))
        annotation = choose(task, _task_name(task, position, name), choice or AnnotationChoice(), log)
        if annotation is not None:
            chosen.append((name, annotation))
    annotated.check_once(name for name, _ in chosen)
    for name, annotation in chosen:
        people = annotated.picture(name)
        if people is not None:
            for region in annotation["result"]:
                annotated.add_size(name, region.get("original_width"), region.get("original_height"))
                if turned := region.get("image_rotation"):
                    annotated.faults.append(
                        f"region {region.get('id')} was drawn in a picture that was turned by {turned} degrees in "
                        "Label Studio: turn it back there"
                    )
            _read_regions(annotation["result"], people, annotated)
            _read_choices(name, annotation["result"], annotated)
    return annotated


def _task_name(task: dict[str, Any], position: int, name: str) -> str:
    file = re.split(r"[/\\=]", name)[-1]
    match = FRAME_NAME.search(file)
    frame = f"frame {int(match[2])} of medium {match[1][:12]}" if match else file
    return f"task {task.get('id', position)} ({frame})"


def _read_regions(regions: list[dict[str, Any]], people: dict[int, Any], annotated: Annotations) -> None:
    by_id = _boxes_by_id(regions)
    boxes, placed, twice = set[int](), set[tuple[int, str]](), set[int]()
    for region in regions:
        if region.get("type") not in ("keypointlabels", "rectanglelabels"):
            continue
        try:
            number = _number(region, by_id)
        except ValueError as exc:
            annotated.faults.append(str(exc))
            continue
        if number is None:
            annotated.faults.append(f"region {region.get('id')} does not belong to a person (meta text `person 0`)")
            continue
        if region["type"] == "rectanglelabels":
            twice |= {number} & boxes
            boxes.add(number)
        keypoints = annotated.keypoints(people, number)
        for name in region["value"].get("keypointlabels", []):
            if name not in annotated.skeleton.keypoints:
                annotated.faults.append(f"skeleton {annotated.skeleton.name} has no keypoint {name!r}")
                continue
            twice |= {number} if (number, name) in placed else set()
            placed.add((number, name))
            size = region["original_width"], region["original_height"]
            x, y = (region["value"][axis] / 100 * side for axis, side in zip("xy", size, strict=True))
            keypoints[annotated.skeleton.index(name)] = x, y
    for number in sorted(twice):
        annotated.person_twice(people, number)


def _boxes_by_id(regions: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Regions by their id; a choice has that of its box."""
    return {region.get("id"): region for region in regions if region.get("type") != "choices"}


def _read_choices(name: str, regions: list[dict[str, Any]], annotated: Annotations) -> None:
    by_id = _boxes_by_id(regions)
    for region in regions:
        if region.get("type") == "choices":
            try:
                number = _number(by_id.get(region.get("id"), region), by_id)
            except ValueError:  # a fault of its box
                continue
            if number is None:
                annotated.faults.append(f"choice {region.get('id')} does not belong to a person's box")
            else:
                annotated.add_activity(name, number, next(iter(region["value"].get("choices", [])), None))


def _number(region: dict[str, Any], by_id: dict[Any, dict[str, Any]]) -> int | None:
    """The person's number: the region's own, else its parent's (a keypoint that was drawn anew).

    Errors: ValueError where the two say different things, as after a region was pasted into another person.
    """
    numbers = []
    for each in (region, by_id.get(region.get("parentID"), {})):
        text = " ".join([*map(str, each.get("meta", {}).get("text", [])), str(each.get("id", ""))])
        match = _PERSON.search(text)
        if match:
            numbers.append(int(match[1]))
    if len(set(numbers)) > 1:
        raise ValueError(f"region {region.get('id')} says person {numbers[0]}, and its box person {numbers[1]}")
    return numbers[0] if numbers else None


FORMATS = (
    Format(
        name="label-studio",
        files="`tasks.json`, `tasks.config.xml`",
        missing="has no region",
        confidence="`score` of the region",
        states="not told apart",
        round_trip="coordinates",
        use_instead="it takes frames with their pictures, use `posemill review`",
    ),
)
