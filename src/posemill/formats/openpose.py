"""OpenPose's JSON: one file a frame, BODY-25 or COCO-18. Three zeros are a keypoint that was not found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from posemill.pose.conversion import MIDPOINTS
from posemill.pose.skeleton import BODY_25, OPENPOSE_18, Skeleton
from posemill.pose.track import MediumTracks
from posemill.text_file import read_text

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
        content = {"version": 1.3, "people": people, "frame": picture.frame, "time_s": picture.time_s}
        (folder / name).write_text(json.dumps(content, separators=(",", ":")))
    return len(frames)


def keypoint_sources(source: Skeleton, target: Skeleton) -> NDArray[np.int64]:
    """Return (K_target, 2): source keypoints of which a target's is the midpoint; -1 for what the source lacks."""
    sources = np.full((len(target), 2), -1)
    for k, name in enumerate(target.keypoints):
        ends = (name, name) if name in source.keypoints else MIDPOINTS.get(name, ())
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


def read_openpose(path: Path, source: MediumInfo) -> MediumTracks:
    """Read the tracks of one medium's files, in BODY-25 or COCO-18, as their length says.

    path  the folder of these files, or one of them.
    Errors: InputError for other lengths, and for several people who were not followed (person_id -1).
    """
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    numbered = {int(m[1]): file for file in files if (m := _FILE.search(file.name))}
    if path.is_file() and not numbered:
        numbered = {0: path}
    if not numbered:
        raise InputError(f"{path} has no file <name>_<12 digits>_keypoints.json, as OpenPose writes them")
    people_of = {frame: _people(file) for frame, file in sorted(numbered.items())}
    lengths = {len(person["pose_keypoints_2d"]) for people in people_of.values() for person in people}
    known = {3 * len(layout): layout for layout in LAYOUTS.values()}
    if not lengths <= set(known) or len(lengths) > 1:
        raise InputError(f"{path}: expected 75 (BODY-25) or 54 (COCO-18) numbers a person, came {sorted(lengths)}")
    skeleton = known[lengths.pop()] if lengths else BODY_25
    frames = [
        LabelledFrame(
            source.medium,
            frame,
            frame / source.fps,
            source.width_px,
            source.height_px,
            skeleton,
            tuple(_person(person, len(people), path) for person in people),
        )
        for frame, people in people_of.items()
    ]
    return tracks_from_frames(frames, source, skeleton)


def _people(path: Path) -> list[dict[str, Any]]:
    try:
        people = json.loads(read_text(path))["people"]
        if all(isinstance(person["pose_keypoints_2d"], list) for person in people):
            return list(people)
    except (ValueError, KeyError, TypeError) as exc:
        raise InputError(
            f"{path} is not a frame of OpenPose ({exc!r}): expected people with pose_keypoints_2d"
        ) from exc
    raise InputError(f"{path} is not a frame of OpenPose: pose_keypoints_2d should be a list of numbers")


def _person(person: dict[str, Any], people: int, path: Path) -> Instance:
    number = int(next(iter(np.ravel(person.get("person_id", -1)))))
    if number < 0 and people > 1:
        raise InputError(f"{path}: several people in a frame, and none has a person_id: they were not followed")
    values = np.array(person["pose_keypoints_2d"], np.float32).reshape(-1, 3)
    seen = values[:, 2] > 0
    return Instance(max(number, 0), np.where(seen[:, None], values[:, :2], np.nan).astype(np.float32), values[:, 2])


def _read(
    path: Path,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    medium: str | None = None,
    frames: int | None = None,
    duration_s: float | None = None,
) -> list[MediumTracks]:
    name = medium or _FILE.sub("", path.name).removesuffix(".json")
    return [read_openpose(path, MediumInfo(name, width_px, height_px, fps, frames, duration_s))]


def _write_body25(path: Path, media: Sequence[MediumTracks]) -> int:
    return sum(write_openpose(path, tracks, BODY_25) for tracks in media)


def _write_coco18(path: Path, media: Sequence[MediumTracks]) -> int:
    return sum(write_openpose(path, tracks, OPENPOSE_18) for tracks in media)


def _is_openpose(path: Path) -> bool:
    if path.is_dir():
        return any(_FILE.search(file.name) for file in path.glob("*_keypoints.json"))
    return re.match(r'\{\s*"(version|people)"', beginning(path)) is not None


_SAME: Mapping[str, Any] = {
    "files": "a folder a medium, a file a frame analysed",
    "missing": "0, 0, 0",
    "confidence": "third value, at least 1e-6",
    "states": "not told apart",
    "round_trip": "but for times and feet, neck, hips",
    "one_per": "medium",
    "export_name": "{medium}",
}
FORMATS = (
    Format(
        "openpose",
        **_SAME,
        read=_read,
        recognize=_is_openpose,
        use_instead="write openpose-body25 or openpose-coco18",
    ),
    Format("openpose-body25", **_SAME, read=_read, write=_write_body25),
    Format("openpose-coco18", **_SAME, read=_read, write=_write_coco18),
)
