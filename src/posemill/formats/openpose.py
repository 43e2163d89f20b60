"""OpenPose's JSON: one file a frame, BODY-25 or COCO-18. Three zeros are a keypoint that was not found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.formats.frames import (
    Instance,
    LabelledFrame,
    MediumInfo,
    flat_keypoints,
    labelled_frames,
    tracks_from_frames,
)
from posemill.pose.conversion import MIDDLES
from posemill.pose.skeleton import BODY_25, OPENPOSE_18, Skeleton
from posemill.pose.track import MediumTracks

LAYOUTS = {"openpose-body25": BODY_25, "openpose-coco18": OPENPOSE_18}
LEAST = 1e-6  # confidence of a keypoint that was found: 0 means that it was not
_FILE = re.compile(r"_(\d{12})_keypoints\.json$")
_EMPTY = (
    "face_keypoints_2d",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)


def write_openpose(folder: Path, tracks: MediumTracks, target: Skeleton) -> int:
    """Write `<medium>_<frame>_keypoints.json` for every frame analysed, also those without people; returns how many.

    Neck and middle of the hips are derived; what our skeleton does not have (feet, often) is not found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = keypoint_sources(tracks.skeleton, target)
    frames = labelled_frames(tracks, tracks.frame_numbers)
    for picture in frames:
        people = [_person_json(person, sources) for person in picture.people]
        name = f"{tracks.medium[:12]}_{picture.frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": people}, separators=(",", ":")))
    return len(frames)


def keypoint_sources(source: Skeleton, target: Skeleton) -> NDArray[np.int64]:
    """Return (K_target, 2): source keypoints of which a target's is the midpoint; -1 for what the source lacks."""
    sources = np.full((len(target), 2), -1)
    for k, name in enumerate(target.keypoints):
        ends = (name, name) if name in source.keypoints else MIDDLES.get(name, ())
        if ends and set(ends) <= set(source.keypoints):
            sources[k] = [source.index(end) for end in ends]
    return sources


def _person_json(person: Instance, sources: NDArray[np.int64]) -> dict[str, Any]:
    xy = person.xy[sources].mean(1)
    xy[sources[:, 0] < 0] = np.nan
    confidence = np.maximum(person.confidence[sources].min(1), LEAST)
    moved = Instance(person.person, xy, confidence)
    content = {"person_id": [person.person], "pose_keypoints_2d": flat_keypoints(moved, confidence, 6)}
    return content | {name: [] for name in _EMPTY}


def read_openpose(folder: Path, source: MediumInfo) -> MediumTracks:
    """Read the tracks of one medium's files, in BODY-25 or COCO-18, as their length says.

    Errors: InputError for other lengths, and for several people who were not followed (person_id -1).
    """
    numbered = {int(m[1]): path for path in sorted(folder.glob("*.json")) if (m := _FILE.search(path.name))}
    if not numbered:
        raise InputError(f"{folder} has no file <name>_<12 digits>_keypoints.json, as OpenPose writes them")
    people_of = {frame: json.loads(path.read_text())["people"] for frame, path in sorted(numbered.items())}
    lengths = {len(person["pose_keypoints_2d"]) for people in people_of.values() for person in people}
    known = {3 * len(layout): layout for layout in LAYOUTS.values()}
    if not lengths <= set(known) or len(lengths) > 1:
        raise InputError(f"{folder}: expected 75 (BODY-25) or 54 (COCO-18) numbers a person, came {sorted(lengths)}")
    skeleton = known[lengths.pop()] if lengths else BODY_25
    frames = [
        LabelledFrame(
            source.medium,
            frame,
            frame / source.fps,
            source.width_px,
            source.height_px,
            skeleton,
            tuple(_person(person, len(people), folder) for person in people),
        )
        for frame, people in people_of.items()
    ]
    return tracks_from_frames(frames, source, skeleton)


def _person(person: dict[str, Any], people: int, folder: Path) -> Instance:
    number = int(next(iter(np.ravel(person.get("person_id", -1)))))
    if number < 0 and people > 1:
        raise InputError(f"{folder}: several people in a frame, and none has a person_id: they were not followed")
    values = np.array(person["pose_keypoints_2d"], np.float32).reshape(-1, 3)
    seen = values[:, 2] > 0
    return Instance(max(number, 0), np.where(seen[:, None], values[:, :2], np.nan).astype(np.float32), values[:, 2])
