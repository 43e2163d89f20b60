"""COCO keypoints: what pycocotools reads, and most annotation tools exchange.

Written beside COCO's own keys: of an image `medium`, `frame`, `time_s`; of an annotation `track_id` (the person),
`score`, `confidence` (K values), `state`; at the top `media`, each with its `skeleton`, which is a name, or all of it
where posemill does not know it. With them tracks come back as they went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats.pictures import VISIBLE_FROM, Answers, Person, Picture, Source, assemble, pictures, triples
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, State
from posemill.text_file import read_text


def write_coco(path: Path, media: Iterable[MediumTracks], visible_from: float = VISIBLE_FROM) -> None:
    """All frames with people of all media in one file."""
    listed = list(media)
    about = [
        {
            "medium": t.medium,
            "labeller": t.labeller,
            "skeleton": definition(t.skeleton),
            "width": t.width_px,
            "height": t.height_px,
            "frames": t.frames,
            "duration_s": t.duration_s,
        }
        for t in listed
    ]
    shown = [picture for tracks in listed for picture in pictures(tracks)]
    content = document(shown, visible_from) | {"media": about}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_results(path: Path, document_path: Path) -> None:
    """The annotations of a document as a results file: a list, as `COCO.loadRes` reads it."""
    annotations = _load(document_path)["annotations"]
    keys = ("image_id", "category_id", "keypoints", "score")
    path.write_text(json.dumps([{key: a[key] for key in keys} for a in annotations]))


def write_pictures(path: Path, shown: Iterable[Picture], folder: str, visible_from: float = VISIBLE_FROM) -> None:
    """Some frames, whose JPEGs are in `folder` beside the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(shown, visible_from, folder)))


def document(shown: Iterable[Picture], visible_from: float = VISIBLE_FROM, folder: str = "") -> dict[str, Any]:
    """COCO's dictionary of these frames; each skeleton is a category. folder: where the JPEGs are, before their names.

    `area` is that of the box around the keypoints, since nobody drew an outline.
    """
    categories: dict[str, dict[str, Any]] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(shown, 1):
        points = picture.skeleton
        category = categories.setdefault(points.name, _category(points, len(categories) + 1))
        images.append(
            {
                "id": number,
                "file_name": f"{folder}{picture.file_name}",
                "width": picture.width_px,
                "height": picture.height_px,
                "medium": picture.medium,
                "frame": picture.frame,
                "time_s": picture.time_s,
            }
        )
        for person in picture.people:
            about = {"id": len(annotations) + 1, "image_id": number, "category_id": category["id"]}
            annotations.append(about | _annotation(person, visible_from))
    info = {"description": "keypoints by posemill", "version": "1.0"}
    return {
        "info": info,
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": list(categories.values()),
    }


def _category(points: Skeleton, number: int) -> dict[str, Any]:
    edges = (points.edge_index + 1).tolist()  # COCO counts from 1
    name = "person" if number == 1 else f"person {points.name}"
    return {
        "id": number,
        "name": name,
        "supercategory": "person",
        "keypoints": list(points.keypoints),
        "skeleton": edges,
    }


def _annotation(person: Person, visible_from: float) -> dict[str, Any]:
    box = person.box()
    return {
        "keypoints": triples(person, person.visibility(visible_from)),
        "num_keypoints": int(person.seen.sum()),
        "bbox": box,
        "area": round(box[2] * box[3], 3),
        "iscrowd": 0,
        "score": round(person.mean_confidence, 6),
        "track_id": person.person,
        "attributes": {"person": person.person},
        "confidence": [round(float(c), 6) for c in person.confidence],
        "state": State(person.state).name.lower(),
    }


def read_coco(path: Path) -> list[MediumTracks]:
    """The tracks of a file that write_coco wrote. Errors: InputError for one that lacks what makes tracks of frames."""
    content = _load(path)
    if "media" not in content or not all("frame" in image for image in content["images"]):
        raise InputError(f"{path} has no frames and media: it is COCO keypoints, but not of tracks")
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    by_medium: dict[str, list[Picture]] = {}
    points = {about["medium"]: defined(about["skeleton"]) for about in content["media"]}
    for image in content["images"]:
        people = tuple(_person(a) for a in by_image.get(image["id"], []))
        by_medium.setdefault(image["medium"], []).append(
            Picture(
                image["medium"],
                image["frame"],
                image["time_s"],
                image["width"],
                image["height"],
                points[image["medium"]],
                people,
            )
        )
    return [
        assemble(
            by_medium.get(about["medium"], []),
            Source(
                about["medium"],
                about["width"],
                about["height"],
                1.0,
                about["frames"],
                about["duration_s"],
                about["labeller"],
            ),
            points[about["medium"]],
        )
        for about in content["media"]
    ]


def _person(annotation: dict[str, Any]) -> Person:
    values = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
    seen = values[:, 2] > 0
    xy = np.where(seen[:, None], values[:, :2], np.float32(np.nan))
    confidence = np.array(annotation["confidence"], np.float32) * seen
    return Person(annotation["track_id"], xy, confidence, State[annotation["state"].upper()])


def read_answers(path: Path, points: Skeleton) -> Answers:
    """What annotators made of a document: the person is `track_id`, or `attributes.person`; visibility 0 is unseen."""
    content, answers = _load(path), Answers(points)
    names = {category["id"]: category.get("keypoints", []) for category in content["categories"]}
    unknown = sorted({name for listed in names.values() for name in listed} - set(points.keypoints))
    answers.faults += [f"skeleton {points.name} has no keypoint {name!r}" for name in unknown]
    answers.check_once(image["file_name"] for image in content["images"])
    people = {image["id"]: answers.picture(image["file_name"]) for image in content["images"]}
    for annotation in content["annotations"]:
        shown = people.get(annotation["image_id"])
        person = annotation.get("track_id", annotation.get("attributes", {}).get("person"))
        if person is None:
            answers.faults.append(f"annotation {annotation['id']} does not say which person it is (track_id)")
        elif shown is not None:
            values = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
            place = answers.add_person(shown, int(person))
            for name, (x, y, flag) in zip(names[annotation["category_id"]], values, strict=True):
                if flag > 0 and name not in unknown:
                    place[points.index(name)] = x, y
    return answers


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, OSError) as exc:
        raise InputError(f"{path} is not readable as JSON: {exc}") from exc
    missing = {"images", "annotations", "categories"} - set(content if isinstance(content, dict) else ())
    if missing:
        raise InputError(f"{path} is not COCO keypoints: it has no {', '.join(sorted(missing))}")
    return dict(content)
