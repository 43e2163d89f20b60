"""Label Studio: tasks with the predicted keypoints as `predictions`, and the annotations that come back.

A person is a rectangle, its keypoints are the rectangle's children; the person's number is in the rectangle's and the
keypoints' meta text, which Label Studio keeps when regions get new ids. Places are percent of the picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from posemill.errors import InputError
from posemill.formats.entry import Format
from posemill.formats.frames import VISIBILITY_THRESHOLD, Annotations, Instance, LabelledFrame
from posemill.pose.skeleton import Skeleton

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


def labelling_config(skeleton: Skeleton) -> str:
    """Return the labelling interface that the tasks need (Settings → Labelling interface → Code)."""
    labels = "".join(f"\n    <Label value={quoteattr(name)}/>" for name in skeleton.keypoints)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        '  <RectangleLabels name="person" toName="image">\n    <Label value="person"/>\n  </RectangleLabels>\n'
        f'  <KeyPointLabels name="keypoint" toName="image">{labels}\n  </KeyPointLabels>\n</View>\n'
    )


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
    path: Path, frames: Iterable[LabelledFrame], skeleton: Skeleton, model_version: str, image_root: str
) -> None:
    """Write the tasks, and beside them `<name>.config.xml` with the labelling interface."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tasks(frames, model_version, image_root)))
    path.with_suffix(".config.xml").write_text(labelling_config(skeleton))


def read_annotations(path: Path, skeleton: Skeleton, visible_from: float = VISIBILITY_THRESHOLD) -> Annotations:
    """Read the newest annotation of every task that has one that was not cancelled; other tasks are left out.

    A keypoint that was deleted is unseen; a person whose regions are all gone is unseen in that frame.
    """
    try:
        listed = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, OSError) as exc:
        raise InputError(f"{path} is not readable as JSON: {exc}") from exc
    if not isinstance(listed, list) or not all(isinstance(t, dict) and "data" in t for t in listed):
        raise InputError(
            f"{path} is no export of Label Studio: expected its format JSON (not JSON-MIN), a list of tasks"
        )
    annotated = Annotations(skeleton)
    for task in listed:
        finished = [a for a in task.get("annotations", []) if not a.get("was_cancelled")]
        if finished:
            newest = max(finished, key=lambda a: str(a.get("updated_at", "")))
            people = annotated.picture(str(task["data"].get("image", "")))
            if people is not None:
                _read_regions(newest["result"], people, annotated)
    return annotated


def _read_regions(regions: list[dict[str, Any]], people: dict[int, Any], annotated: Annotations) -> None:
    by_id = {region.get("id"): region for region in regions}
    for region in regions:
        if region.get("type") not in ("keypointlabels", "rectanglelabels"):
            continue
        number = _number(region, by_id)
        if number is None:
            annotated.faults.append(f"region {region.get('id')} does not belong to a person (meta text `person 0`)")
            continue
        keypoints = annotated.keypoints(people, number)
        for name in region["value"].get("keypointlabels", []):
            if name not in annotated.skeleton.keypoints:
                annotated.faults.append(f"skeleton {annotated.skeleton.name} has no keypoint {name!r}")
                continue
            size = region["original_width"], region["original_height"]
            x, y = (region["value"][axis] / 100 * side for axis, side in zip("xy", size, strict=True))
            keypoints[annotated.skeleton.index(name)] = x, y


def _number(region: dict[str, Any], by_id: dict[Any, dict[str, Any]]) -> int | None:
    """The person's number: the region's own, else its parent's (a keypoint that was drawn anew)."""
    for each in (region, by_id.get(region.get("parentID"), {})):
        text = " ".join([*map(str, each.get("meta", {}).get("text", [])), str(each.get("id", ""))])
        match = _PERSON.search(text)
        if match:
            return int(match[1])
    return None


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
