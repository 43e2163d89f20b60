"""OpenPifPaf's JSON lines, as its `video --json-output` writes them: one line a frame, frames and ids from 1.

A keypoint is missing when its confidence is 0, wherever it is said to be (OpenPifPaf moves the zeros of missing ones
along with the padding of the picture: 0, -3, 0 is usual). We write three zeros.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats.pictures import Person, Picture, Source, assemble, looked_at, pictures, triples
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks

LEAST = 0.01  # confidence of a keypoint that was found, also after rounding
PERSON_LEAST = 0.001


def write_openpifpaf(path: Path, tracks: MediumTracks) -> int:
    """One line for every frame looked at, also those without people; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = pictures(tracks, looked_at(tracks))
    with path.open("w") as out:
        for picture in shown:
            line = {"frame": picture.frame + 1, "predictions": [_said(person) for person in picture.people]}
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    return len(shown)


def _said(person: Person) -> dict[str, Any]:
    return {
        "keypoints": triples(person, np.maximum(person.confidence, LEAST), 2),
        "bbox": [round(side, 2) for side in person.box()],
        "score": max(PERSON_LEAST, round(person.mean_confidence, 3)),
        "category_id": 1,
        "id_": person.person + 1,
    }


def read_openpifpaf(path: Path, source: Source, points: Skeleton) -> MediumTracks:
    """The tracks of one medium. Errors: InputError for a line that does not fit, and for several people without id_."""
    shown = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            said = json.loads(line)
            frame = int(said["frame"]) - 1
            people = tuple(_person(each, len(said["predictions"]), points) for each in said["predictions"])
        except (ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{path}, line {number}: not a frame of {points.name} keypoints ({exc})") from exc
        shown.append(
            Picture(source.medium, frame, frame / source.fps, source.width_px, source.height_px, points, people)
        )
    return assemble(shown, source, points)


def _person(said: dict[str, Any], people: int, points: Skeleton) -> Person:
    if "id_" not in said and people > 1:
        raise ValueError("several people without id_: they were not followed")
    values = np.array(said["keypoints"], np.float32).reshape(len(points), 3)
    seen = values[:, 2] > 0
    xy = np.where(seen[:, None], values[:, :2], np.float32(np.nan))
    return Person(int(said.get("id_", 1)) - 1, xy, values[:, 2] * seen)
