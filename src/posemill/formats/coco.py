"""COCO keypoints: what pycocotools reads, and most annotation tools exchange.

Written beside COCO's own keys: of an image `medium`, `frame`, `time_s`; of an annotation `track_id` (the person),
`score`, `confidence` (K values), `state`; at the top `media`, each with its `skeleton`, which is a name, or all of it
where posemill does not know it. With them tracks come back as they went.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats.entry import Format, beginning
from posemill.formats.frames import (
    VISIBILITY_THRESHOLD,
    Annotations,
    Instance,
    LabelledFrame,
    MediumInfo,
    flat_keypoints,
    labelled_frames,
    tracks_from_frames,
)
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, State
from posemill.pose.unseen import not_found
from posemill.text_file import read_text


def write_coco(path: Path, media: Iterable[MediumTracks], visible_from: float = VISIBILITY_THRESHOLD) -> None:
    """Write all frames with people of all media into one file."""
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
    frames = [frame for tracks in listed for frame in labelled_frames(tracks)]
    content = document(frames, visible_from) | {"media": about}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_results(path: Path, document_path: Path) -> None:
    """Write the annotations of a document as a results file: a list, as `COCO.loadRes` reads it."""
    annotations = _load(document_path)["annotations"]
    keys = ("image_id", "category_id", "keypoints", "score")
    path.write_text(json.dumps([{key: a[key] for key in keys} for a in annotations]))


def write_frames(
    path: Path, frames: Iterable[LabelledFrame], folder: str, visible_from: float = VISIBILITY_THRESHOLD
) -> None:
    """Write some frames, whose JPEGs are in `folder` beside the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(frames, visible_from, folder)))


def document(
    frames: Iterable[LabelledFrame], visible_from: float = VISIBILITY_THRESHOLD, folder: str = ""
) -> dict[str, Any]:
    """Build COCO's dictionary of these frames; each skeleton is a category.

    folder  where the JPEGs are, put before their names.

    `area` is that of the box around the keypoints, since nobody drew an outline.
    """
    categories: dict[str, dict[str, Any]] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(frames, 1):
        skeleton = picture.skeleton
        category = categories.setdefault(skeleton.name, _category(skeleton, len(categories) + 1))
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


def _category(skeleton: Skeleton, number: int) -> dict[str, Any]:
    edges = (skeleton.edge_index + 1).tolist()  # COCO counts from 1
    name = "person" if number == 1 else f"person {skeleton.name}"
    return {
        "id": number,
        "name": name,
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": edges,
    }


def _annotation(person: Instance, visible_from: float) -> dict[str, Any]:
    box = person.box()
    return {
        "keypoints": flat_keypoints(person, person.visibility(visible_from)),
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
    """Read the tracks of a file that write_coco wrote. Errors: InputError for COCO keypoints of single images."""
    content = _load(path)
    if "media" not in content or not all("frame" in image for image in content["images"]):
        raise InputError(f"{path} has no frames and media: it is COCO keypoints, but not of tracks")
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    by_medium: dict[str, list[LabelledFrame]] = {}
    skeletons = {about["medium"]: defined(about["skeleton"]) for about in content["media"]}
    for image in content["images"]:
        people = tuple(_person(a) for a in by_image.get(image["id"], []))
        by_medium.setdefault(image["medium"], []).append(
            LabelledFrame(
                image["medium"],
                image["frame"],
                image["time_s"],
                image["width"],
                image["height"],
                skeletons[image["medium"]],
                people,
            )
        )
    return [
        tracks_from_frames(
            by_medium.get(about["medium"], []),
            MediumInfo(
                about["medium"],
                about["width"],
                about["height"],
                1.0,
                about["frames"],
                about["duration_s"],
                about["labeller"],
            ),
            skeletons[about["medium"]],
        )
        for about in content["media"]
    ]


def _person(annotation: dict[str, Any]) -> Instance:
    values = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
    seen = values[:, 2] > 0
    xy = np.where(seen[:, None], values[:, :2], np.float32(np.nan))
    confidence = np.array(annotation["confidence"], np.float32) * seen
    return Instance(annotation["track_id"], xy, confidence, State[annotation["state"].upper()])


def read_annotations(path: Path, skeleton: Skeleton) -> Annotations:
    """Read annotations of a document: the person is `track_id`, or `attributes.person`; visibility 0 is unseen."""
    content, annotated = _load(path), Annotations(skeleton)
    names = {category["id"]: category.get("keypoints", []) for category in content["categories"]}
    unknown = sorted({name for listed in names.values() for name in listed} - set(skeleton.keypoints))
    annotated.faults += [f"skeleton {skeleton.name} has no keypoint {name!r}" for name in unknown]
    annotated.check_once(image["file_name"] for image in content["images"])
    people = {image["id"]: annotated.picture(image["file_name"]) for image in content["images"]}
    for image in content["images"]:
        annotated.add_size(image["file_name"], image.get("width"), image.get("height"))
    for annotation in content["annotations"]:
        in_frame = people.get(annotation["image_id"])
        person = annotation.get("track_id", annotation.get("attributes", {}).get("person"))
        if person is None:
            annotated.faults.append(f"annotation {annotation['id']} does not say which person it is (track_id)")
        elif in_frame is not None:
            values = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
            keypoints = annotated.add_person(in_frame, int(person))
            nowhere = not_found(values[:, :2])  # a corner is nobody's keypoint, whatever the flag says
            rows = zip(names[annotation["category_id"]], values, nowhere, strict=True)
            for name, (x, y, flag), lost in rows:
                if flag > 0 and not lost and name not in unknown:
                    keypoints[skeleton.index(name)] = x, y
    return annotated


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, OSError) as exc:
        raise InputError(f"{path} is not readable as JSON: {exc}") from exc
    missing = {"images", "annotations", "categories"} - set(content if isinstance(content, dict) else ())
    if missing:
        raise InputError(f"{path} is not COCO keypoints: it has no {', '.join(sorted(missing))}")
    return dict(content)


def _write(
    path: Path,
    media: Sequence[MediumTracks],
    *,
    visible_from: float = VISIBILITY_THRESHOLD,
    results: bool = False,
) -> int:
    """Write path and, with `results`, results.json beside it."""
    write_coco(path, media, visible_from)
    if results:
        write_results(path.with_name("results.json"), path)
    return 1 + results


FORMATS = (
    Format(
        name="coco",
        files="`keypoints.json`, `results.json` for `loadRes`",
        missing="0, 0, visibility 0",
        confidence="`confidence` (ours), `score` of the pose",
        states="interpolated: visibility 1; `state`",
        round_trip="yes",
        read=read_coco,
        write=_write,
        recognize=lambda path: (
            re.match(r'\{\s*"(info|licenses|images|annotations|categories|media)"', beginning(path)) is not None
        ),
        export_name="keypoints.json",
        export_options={"results": True},
    ),
)
