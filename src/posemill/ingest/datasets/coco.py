"""COCO keypoints: single pictures, one medium of one frame each; or the tracks that posemill wrote in that form.

Keypoints are taken by the category's names, in whatever order. Visibility 0 is unseen, 1 (placed, but hidden) half as
sure as 2; exactly 0, 0 is unseen whatever the flag. Crowds and people without a keypoint are left out, and so are
pictures in which nobody is left. No activity is said: single pictures are for looking at poses, a window needs motion.

A picture is known by its annotation file (the last parts of its path) and its file name: `frame_000001.jpg` of two
files are two pictures. Of two pictures of one name in a file the first is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as Ordered
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats.coco import read_coco
from posemill.ingest.sequence import LABELLER, Fault, Sequence, SequenceStream, medium_tracks, skeleton_of
from posemill.pose.units import check_in_picture, check_pixels
from posemill.pose.unseen import not_found
from posemill.text_file import read_text
from posemill.untrusted import untrusted, untrusted_stream

DATASET = "coco"
FILE_PARTS = 3  # of an annotation file's path, such as video1/annotations/person_keypoints_default.json
FPS = 1.0  # a picture has no time; a second of its own keeps every figure finite
_CONFIDENCE = np.array([0.0, 0.5, 1.0])


@untrusted_stream
def sequences(path: Path, *, dataset: str = DATASET, split: str | None = None) -> SequenceStream:
    """Read every picture with people of an annotation file, or every medium of one that posemill wrote.

    Errors: InputError when it is no such file.
    """
    content = _load(path)
    if "media" in content:
        for tracks in read_coco(path):
            own = replace(tracks, medium=f"{dataset}/{tracks.medium}", labeller=LABELLER)
            yield Sequence(tracks.medium, None, split, own)
        return
    file = "/".join(path.resolve().parts[-FILE_PARTS:])
    names = {c["id"]: c["keypoints"] for c in content.get("categories", []) if c.get("keypoints")}
    people: dict[Any, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        people.setdefault(annotation.get("image_id"), []).append(annotation)
    numbers: set[Any] = set()
    for image in content["images"]:
        name = str(image.get("file_name", image.get("id")))
        if image.get("id") in numbers:
            yield Fault(name, f"another picture has its id {image['id']} too: its annotations cannot be told apart")
            continue
        numbers.add(image.get("id"))
        try:
            with untrusted(f"{name} is no picture of COCO's, it"):
                of_image = people.pop(image["id"], [])
                sequence = parse(name, image, of_image, names, dataset=dataset, split=split, file=file)
        except InputError as exc:
            yield Fault(name, str(exc))
        else:
            if sequence is not None:
                yield sequence
    yield from (Fault(f"image {number}", "is annotated, but not in the list of images") for number in people)


def parse(
    name: str,
    image: Mapping[str, Any],
    annotations: Ordered[Mapping[str, Any]],
    names: Mapping[Any, Ordered[str]],
    *,
    dataset: str = DATASET,
    split: str | None = None,
    file: str = "",
) -> Sequence | None:
    """Parse one picture; None where nobody is annotated. names: keypoints of every category; file: where it is listed.

    Errors: InputError with the name and what is wrong with it.
    """
    people = [a for a in annotations if not a.get("iscrowd") and any(a.get("keypoints", [])[2::3])]
    if not people:
        return None
    ids = [a["id"] for a in people if a.get("id") is not None]
    if len(set(ids)) < len(ids):
        raise InputError(f"{name}: annotation {max(ids, key=ids.count)} is there twice")
    categories = {a["category_id"] for a in people}
    if len(categories) > 1 or not categories <= set(names):
        raise InputError(f"{name}: its people are of categories {categories}, expected one that has keypoints")
    (category,) = categories
    points = skeleton_of(names[category])
    place = [list(names[category]).index(keypoint) for keypoint in points.keypoints]
    values = [np.asarray(a["keypoints"], np.float64) for a in people]
    if any(v.shape != (3 * len(names[category]),) for v in values):
        raise InputError(f"{name}: expected {len(names[category])} times x, y, visibility a person")
    triples = np.stack(values).reshape(len(people), 1, -1, 3)[:, :, place]
    flag = triples[..., 2]
    if not np.isfinite(triples).all() or not np.isin(flag, (0, 1, 2)).all():
        raise InputError(f"{name}: a keypoint has no finite position, or a visibility that is none of 0, 1, 2")
    nowhere = (flag == 0) | not_found(triples[..., :2])
    if nowhere.all():
        return None
    xy = np.where(nowhere[..., None], np.nan, triples[..., :2])
    size = int(image["width"]), int(image["height"])
    check_pixels(name, xy)
    medium = f"{dataset}/{file}/{name}" if file else f"{dataset}/{name}"
    tracks = medium_tracks(medium, points, size, FPS, xy, _CONFIDENCE[flag.astype(int)])
    check_in_picture(name, tracks)
    return Sequence(name, None, split, tracks, source=f"{file}/{name}" if file else None)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError) as exc:
        raise InputError(f"{path} is no readable JSON: {exc}") from exc
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        raise InputError(f"{path} is no COCO keypoints: expected a dictionary with `images` and `annotations`")
    if not all(isinstance(row, dict) for key in ("images", "annotations") for row in content[key]):
        raise InputError(f"{path} is no COCO keypoints: `images` and `annotations` should be lists of dictionaries")
    return content
