"""OpenPifPaf's JSON lines, as its `video --json-output` writes them: one line a frame, frames and ids from 1.

A keypoint is missing when its confidence is 0, whatever its coordinates (OpenPifPaf moves the zeros of missing ones
along with the padding of the picture: 0, -3, 0 is usual). We write three zeros.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats.entry import Format, beginning
from posemill.formats.frames import (
    Instance,
    LabelledFrame,
    MediumInfo,
    flat_keypoints,
    labelled_frames,
    tracks_from_frames,
)
from posemill.pose.definition import defined
from posemill.pose.skeleton import COCO_17, Skeleton
from posemill.pose.track import MediumTracks
from posemill.text_file import read_text

LEAST = 0.01  # confidence of a keypoint that was found, also after rounding
PERSON_LEAST = 0.001


def write_openpifpaf(path: Path, tracks: MediumTracks) -> int:
    """Write one line for every frame analysed, also those without people; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = labelled_frames(tracks, tracks.frame_numbers)
    with path.open("w") as out:
        for picture in frames:
            predictions = [_prediction(person) for person in picture.people]
            line = {"frame": picture.frame + 1, "time_s": picture.time_s, "predictions": predictions}
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    return len(frames)


def _prediction(person: Instance) -> dict[str, Any]:
    return {
        "keypoints": flat_keypoints(person, np.maximum(person.confidence, LEAST), 2),
        "bbox": [round(side, 2) for side in person.box()],
        "score": max(PERSON_LEAST, round(person.mean_confidence, 3)),
        "category_id": 1,
        "id_": person.person + 1,
    }


def read_openpifpaf(path: Path, source: MediumInfo, skeleton: Skeleton) -> MediumTracks:
    """Read the tracks of one medium. Errors: InputError for a line that does not fit, or several people without id_."""
    frames = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            content = json.loads(line)
            frame, predictions = int(content["frame"]) - 1, content["predictions"]
            people = tuple(_person(prediction, len(predictions), skeleton) for prediction in predictions)
        except (ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{path}, line {number}: not a frame of {skeleton.name} keypoints ({exc})") from exc
        frames.append(
            LabelledFrame(source.medium, frame, frame / source.fps, source.width_px, source.height_px, skeleton, people)
        )
    return tracks_from_frames(frames, source, skeleton)


def _person(prediction: dict[str, Any], people: int, skeleton: Skeleton) -> Instance:
    if "id_" not in prediction and people > 1:
        raise ValueError("several people without id_: they were not followed")
    values = np.array(prediction["keypoints"], np.float32).reshape(len(skeleton), 3)
    seen = values[:, 2] > 0
    xy = np.where(seen[:, None], values[:, :2], np.float32(np.nan))
    return Instance(int(prediction.get("id_", 1)) - 1, xy, values[:, 2] * seen)


def _read(
    path: Path,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    skeleton: Skeleton | str = COCO_17,
    medium: str | None = None,
    frames: int | None = None,
    duration_s: float | None = None,
) -> list[MediumTracks]:
    info = MediumInfo(medium or path.name.partition(".")[0], width_px, height_px, fps, frames, duration_s)
    return [read_openpifpaf(path, info, defined(skeleton) if isinstance(skeleton, str) else skeleton)]


def _write(path: Path, media: Sequence[MediumTracks]) -> int:
    for tracks in media:
        write_openpifpaf(path, tracks)
    return 1


FORMATS = (
    Format(
        name="openpifpaf",
        files="JSON lines a medium, one a frame analysed",
        missing="0, 0, 0; reading, whatever has confidence 0",
        confidence="third value, at least 0.01",
        states="not told apart",
        round_trip="to 2 digits, but for times",
        read=_read,
        write=_write,
        recognize=lambda path: re.match(r'\{\s*"(frame|predictions)"', beginning(path)) is not None,
        one_per="medium",
        export_name="{medium}.openpifpaf.json",
    ),
)
