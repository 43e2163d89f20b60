"""Ultralytics (YOLO pose): JSON of its results, or a folder of TXT labels, one a frame.

JSON: a list a frame of detections with `keypoints` {x, y, visible} (`to_json`), as a list of frames, a dictionary by
frame, lines, or a file a frame. TXT: class, box, keypoints, and perhaps confidence and track, all in shares of the
picture; `<video>_<number>.txt`, where videos count from 1. What is exactly 0, 0 was not found, whatever its confidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, Units, files_of, medium_name
from posemill.pose.skeleton import COCO_17, Skeleton
from posemill.text_file import read_text
from posemill.untrusted import untrusted

_NUMBERED = re.compile(r"(?P<name>.*?)[ _.-]?(?P<number>\d+)")
_FRAME = ("frame", "frame_id", "frame_number")
_BOX = 5  # class, centre, width and height
_LARGEST_SHARE = 1.5
Row = tuple[int, str | None, NDArray[np.float64], Units]  # frame, individual, (K, 3), units


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every medium of a path."""
    skeleton = options.skeleton or COCO_17
    numbered: dict[str, dict[int, Path]] = {}
    for file in files_of(path, (".json", ".jsonl", ".txt"), "Ultralytics"):
        name, match = medium_name(file, path), _NUMBERED.fullmatch(file.stem)
        if match and (file.suffix.lower() == ".txt" or (path.is_dir() and _is_one_frame(file))):
            name = medium_name(file, path, match["name"] or file.parent.resolve().name)
            frames = numbered.setdefault(name, {})
            kept = frames.setdefault(int(match["number"]), file)
            if kept != file:
                yield Fault(f"{name} {file.name}", f"{file.name}: its frame is there twice, {kept.name} is kept")
        elif file.suffix.lower() != ".txt":
            yield from _safely(name, skeleton, partial(_json_rows, file, skeleton))
        elif file.name != "classes.txt":
            yield Fault(name, f"{file.name} has no frame number in its name")
    for name, frames in numbered.items():
        yield from _safely(name, skeleton, partial(_numbered_rows, frames, skeleton))


def _safely(name: str, skeleton: Skeleton, rows: Callable[[], tuple[list[Row], int]]) -> Iterator[PoseTable | Fault]:
    try:
        with untrusted(name):
            table = _table(name, skeleton, *rows())
    except InputError as exc:
        yield Fault(name, f"{name}: {exc}")
    else:
        yield table


def _is_one_frame(file: Path) -> bool:
    """True for a JSON that holds the detections of one frame, without its number."""
    try:
        content = _load(file)
    except InputError:
        return False
    listed = content if isinstance(content, list) else [content]
    return all(isinstance(each, dict) and "keypoints" in each and not set(each) & set(_FRAME) for each in listed)


def _numbered_rows(files: dict[int, Path], skeleton: Skeleton) -> tuple[list[Row], int]:
    """Rows of files that are a frame each, and the number of frames."""
    first = 0 if 0 in files else 1
    rows: list[Row] = []
    for number, file in sorted(files.items()):
        frame = number - first
        if file.suffix.lower() == ".txt":
            rows += [_line(frame, line, f"{file.name}, line {n}", skeleton) for n, line in _lines(file)]
        else:
            rows += [_detection(frame, person, skeleton, file.name) for person in _people(_load(file), file)]
    return rows, max(files) + 1 - first


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    return [(n, line.split()) for n, line in enumerate(read_text(file).splitlines(), 1) if line.strip()]


def _line(frame: int, cells: list[str], where: str, skeleton: Skeleton) -> Row:
    """class, box, K times x, y and visibility (or x, y), then perhaps confidence, then perhaps the track."""
    k = len(skeleton)
    axes = next((axes for axes in (3, 2) if 0 <= len(cells) - _BOX - axes * k <= 2), 0)
    if not axes:
        raise InputError(
            f"{where}: {len(cells)} numbers, expected {_BOX + 3 * k} (class, box, and x, y, visibility of the {k} "
            f"keypoints of {skeleton.name}): give --skeleton for another layout"
        )
    width = axes * k
    try:
        values = np.array(cells[_BOX : _BOX + width], np.float64).reshape(k, axes)
    except ValueError as exc:
        raise InputError(f"{where}: {exc}") from exc
    rest = cells[_BOX + width :]
    track = rest[-1] if rest and (len(rest) == 2 or re.fullmatch(r"\d+", rest[-1])) else None
    third = np.ones((k, 1)) if axes == 2 else values[:, 2:]
    return frame, track, np.concatenate([values[:, :2], third], -1), "share"


def _json_rows(file: Path, skeleton: Skeleton) -> tuple[list[Row], int]:
    content = _load(file)
    if isinstance(content, list):  # `to_json` gives text, which many put into a list as it is
        content = [json.loads(each) if isinstance(each, str) else each for each in content]
    frames: list[tuple[int, Any]]
    if isinstance(content, dict) and "keypoints" not in content and "frames" not in content:
        frames = list(zip(numbers_of(list(content), file.name), content.values(), strict=True))
    elif isinstance(content, dict):
        frames = list(enumerate(content.get("frames", [content])))
    elif content and all(isinstance(each, dict) and set(each) & set(_FRAME) for each in content):
        named = [next(each[key] for key in _FRAME if key in each) for each in content]
        frames = list(zip(numbers_of(named, file.name), content, strict=True))
    elif all(isinstance(each, list) for each in content):
        frames = list(enumerate(content))
    else:
        frames = [(0, content)]
    rows = [_detection(n, d, skeleton, file.name) for n, each in frames for d in _people(each, file)]
    return rows, max((number for number, _ in frames), default=-1) + 1


def _people(content: Any, file: Path) -> list[dict[str, Any]]:
    """Detections with keypoints of one frame."""
    if isinstance(content, dict) and "keypoints" not in content:
        content = content.get("detections", content.get("results", content.get("predictions", [])))
    listed = [content] if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise InputError(f"{file.name} is no JSON of Ultralytics: expected lists of detections with `keypoints`")
    return [each for each in listed if each.get("keypoints")]


def _detection(frame: int, detection: dict[str, Any], skeleton: Skeleton, where: str) -> Row:
    keypoints = detection["keypoints"]
    try:
        if isinstance(keypoints, dict):
            third = keypoints.get("visible", keypoints.get("confidence"))
            x, y = (np.array(keypoints[axis], np.float64) for axis in "xy")
            values = np.stack([x, y, np.ones(len(x)) if third is None else np.array(third, np.float64)], -1)
        else:
            values = np.array(keypoints, np.float64)
            values = values.reshape(len(skeleton), -1)
            if values.shape[1] == 2:
                values = np.concatenate([values, np.ones((len(values), 1))], -1)
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(f"{where}: keypoints of a detection are no x, y and visible: {exc}") from exc
    if values.shape != (len(skeleton), 3):
        raise InputError(
            f"{where}: {len(values)} keypoints, and {skeleton.name} has {len(skeleton)}: give --skeleton for another "
            "layout"
        )
    track = detection.get("track_id", detection.get("id"))
    known = np.abs(values[:, :2][~np.isnan(values[:, :2])])
    share = not known.size or known.max() <= _LARGEST_SHARE
    return frame, None if track is None else str(track), values, "share" if share else "pixels"


def _table(name: str, skeleton: Skeleton, rows: list[Row], frames: int) -> PoseTable:
    found = [row for row in rows if (np.nan_to_num(row[2][:, :2]) != 0).any()]
    units: set[Units] = {row[3] for row in found}
    if len(units) > 1:
        raise InputError("some of its keypoints are shares of the picture, others pixels")
    values = np.stack([row[2] for row in found]) if found else np.zeros((0, len(skeleton), 3))
    values[(values[..., :2] == 0).all(-1)] = np.nan  # Ultralytics puts what it is not sure of there
    followed = bool(found) and all(row[1] is not None for row in found)
    return PoseTable(
        name,
        skeleton.keypoints,
        np.array([row[0] for row in found], np.int64),
        [str(row[1]) for row in found] if followed else None,
        values,
        units.pop() if units else "pixels",
        frames=frames,
    )


def _load(file: Path) -> Any:
    text = read_text(file)
    try:
        if file.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except ValueError as exc:
        raise InputError(f"{file.name} is no readable JSON: {exc}") from exc


TOOL = Tool(
    name="ultralytics",
    title="Ultralytics (YOLO pose): JSON of its results, or a folder of TXT labels.",
    read=read,
    example="runs/pose/predict/labels/ --size 1280x720 --fps 25",
    notes="TXT files of a video count frames from 1; COCO's 17 keypoints, or --skeleton in the order of the model's.",
)
