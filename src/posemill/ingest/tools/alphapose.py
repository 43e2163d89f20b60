"""AlphaPose: its JSON of all frames, COCO-like (default) or by picture (formats cmu and open).

COCO-17, Halpe-26, -68 and -136 and COCO-WholeBody's 133 keypoints are known by their number; faces and hands are passed
over. `idx` is the person where AlphaPose followed people; else posemill does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, files_of, medium_name
from posemill.pose.skeleton import COCO_17, OPENPOSE_18
from posemill.text_file import read_text
from posemill.untrusted import untrusted

_FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
_HALPE = (
    *COCO_17.keypoints,
    *("head_top", "neck", "mid_hip"),
    *(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right")),
)
_LAYOUTS = {17: COCO_17.keypoints, 18: OPENPOSE_18.keypoints, 26: _HALPE, 68: _HALPE, 136: _HALPE}
_LAYOUTS[133] = (*COCO_17.keypoints, *_FEET)


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every file of a path: a medium each."""
    for file in files_of(path, (".json",), "AlphaPose"):
        generic = file.stem in ("alphapose-results", "alphapose-results-forvis-tracked") and path.is_dir()
        name = medium_name(file.parent, path) if generic and file.parent != path else medium_name(file, path)
        try:
            with untrusted(file.name):
                table = _table(name, file)
        except InputError as exc:
            yield Fault(name, f"{name}: {exc}")
        else:
            yield table


def _table(name: str, file: Path) -> PoseTable:
    rows: list[tuple[int, str | None, NDArray[np.float64]]] = []
    people = list(_people(file))
    frames = numbers_of([picture for picture, _ in people], f"{file.name}, image_id")
    for frame, (picture, person) in zip(frames, people, strict=True):
        numbers = person.get("keypoints", person.get("joints", person.get("pose_keypoints_2d")))
        try:
            values = np.array(numbers, np.float64).reshape(-1, 3)
        except (TypeError, ValueError) as exc:
            raise InputError(
                f"{file.name}: somebody in {picture} has no x, y and confidence of every keypoint"
            ) from exc
        rows.append((frame, _identity(person.get("idx")), values))
    lengths = {len(values) for _, _, values in rows}
    if len(lengths) > 1 or not lengths <= set(_LAYOUTS):
        raise InputError(
            f"{file.name}: people of {', '.join(map(str, sorted(lengths)))} keypoints, expected one of "
            f"{', '.join(map(str, sorted(_LAYOUTS)))} for all"
        )
    names = _LAYOUTS[lengths.pop()] if lengths else COCO_17.keypoints
    followed = bool(rows) and all(identity is not None for _, identity, _ in rows)
    return PoseTable(
        name,
        names,
        np.array([frame for frame, _, _ in rows], np.int64),
        [str(identity) for _, identity, _ in rows] if followed else None,
        np.stack([values[: len(names)] for _, _, values in rows]) if rows else np.zeros((0, len(names), 3)),
    )


def _people(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Picture and person, in any of its three formats."""
    try:
        content = json.loads(read_text(file))
    except ValueError as exc:
        raise InputError(f"{file.name} is no readable JSON: {exc}") from exc
    if isinstance(content, list) and all(isinstance(each, dict) and "image_id" in each for each in content):
        yield from ((str(person["image_id"]), person) for person in content)
    elif isinstance(content, dict) and all(isinstance(each, dict) for each in content.values()):
        for picture, each in content.items():
            yield from ((picture, person) for person in each.get("bodies", each.get("people", [])))
    else:
        raise InputError(
            f"{file.name} is no output of AlphaPose: expected a list of people with image_id and keypoints, or "
            "pictures with bodies"
        )


def _identity(idx: Any) -> str | None:
    while isinstance(idx, list):
        idx = idx[0] if idx else None
    return None if idx is None else f"{idx:g}" if isinstance(idx, float) else str(idx)


TOOL = Tool(
    name="alphapose",
    title="AlphaPose: its JSON of all frames of a video.",
    read=read,
    example="alphapose-results.json --size 1280x720 --fps 25",
    notes="Frame numbers are those of image_id; confidences a little above 1 count as 1.",
)
