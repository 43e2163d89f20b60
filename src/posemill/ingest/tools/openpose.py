"""OpenPose: a folder of JSON files, one a frame, in BODY-25, COCO-18 or MPI-15.

`<name>_<number>_keypoints.json`; the files of one name are one medium, and the number is its frame. Hands and faces are
passed over, and so are people without a keypoint. OpenPose does not follow people (person_id is -1): posemill does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, files_of, medium_name
from posemill.pose.skeleton import BODY_25, MPII_15, OPENPOSE_18
from posemill.text_file import read_text
from posemill.untrusted import untrusted

_FILE = re.compile(r"(?P<name>.*?)[ _.-]?(?P<number>\d+)?_(?:keypoints|pose)$")
_LAYOUTS = {3 * len(layout): layout for layout in (BODY_25, OPENPOSE_18, MPII_15)}


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every medium of a folder."""
    media: dict[str, dict[int, Path]] = {}
    others = []
    for file in files_of(path, (".json",), "OpenPose"):
        match = _FILE.match(file.stem)
        if match is None:
            others.append(file.name)
            continue
        name = _medium(file, path, match["name"])
        frames = media.setdefault(name, {})
        number = int(match["number"] or 0)
        if number in frames:
            yield Fault(f"{name} {file.name}", f"{name}: frame {number} is there twice, {frames[number].name} is kept")
        else:
            frames[number] = file
    if not media:
        raise InputError(
            f"{path} holds no file <name>_<number>_keypoints.json, as OpenPose writes them; it holds {others[0]}"
        )
    for name, frames in media.items():
        try:
            with untrusted(name):
                table = _table(name, frames)
        except InputError as exc:
            yield Fault(name, str(exc))
        else:
            yield table


def _medium(file: Path, root: Path, name: str) -> str:
    """Name of a file's medium; a folder of one video's files is not named twice."""
    if name not in ("", file.parent.name):
        return medium_name(file, root, name)
    return file.parent.resolve().name if file.parent == root or not root.is_dir() else medium_name(file.parent, root)


def _table(name: str, files: dict[int, Path]) -> PoseTable:
    rows: list[tuple[int, int, NDArray[np.float64]]] = []
    for number, file in sorted(files.items()):
        for position, person in enumerate(_people(file)):
            numbers = person.get("pose_keypoints_2d", person.get("pose_keypoints", []))
            if any(numbers):
                identity = int(next(iter(np.ravel(person.get("person_id", -1))), -1))
                rows.append((number, identity, _triples(file, position, numbers)))
    lengths = {len(values) for _, _, values in rows}
    if len(lengths) > 1:
        raise InputError(f"{name}: its files have people of {' and '.join(map(str, sorted(lengths)))} keypoints")
    layout = _LAYOUTS[3 * lengths.pop()] if lengths else BODY_25
    followed = bool(rows) and all(identity >= 0 for _, identity, _ in rows)
    return PoseTable(
        name,
        layout.keypoints,
        np.array([frame for frame, _, _ in rows], np.int64),
        [str(identity) for _, identity, _ in rows] if followed else None,
        np.stack([values for _, _, values in rows]) if rows else np.zeros((0, len(layout), 3)),
        frames=max(files) + 1,
    )


def _people(file: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(read_text(file))
    except ValueError as exc:
        raise InputError(f"{file.name} is no readable JSON: {exc}") from exc
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise InputError(f"{file.name} is no output of OpenPose: expected a dictionary with a list `people`")
    return people


def _triples(file: Path, position: int, numbers: list[float]) -> NDArray[np.float64]:
    if len(numbers) not in _LAYOUTS:
        raise InputError(
            f"{file.name}: person {position} has {len(numbers)} numbers, expected 75 (BODY-25), 54 (COCO-18), 45 (MPI)"
        )
    try:
        return np.array(numbers, np.float64).reshape(-1, 3)
    except (TypeError, ValueError) as exc:
        raise InputError(f"{file.name}: person {position} has something else than numbers: {exc}") from exc


TOOL = Tool(
    name="openpose",
    title="OpenPose: a folder of JSON files, one a frame (BODY-25, COCO-18, MPI-15).",
    read=read,
    example="openpose_json/ --size 1280x720 --fps 25",
    notes="Frame numbers are those of the file names; hands and faces are passed over; posemill follows the people.",
)
