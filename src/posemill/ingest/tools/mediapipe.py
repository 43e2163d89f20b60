"""MediaPipe: CSV tables of pose landmarks, as people write them from its results.

Wide, a row a frame (or person and frame): `<landmark>_x, _y, _z, _visibility` with MediaPipe's names, or numbered
columns x0, y0, z0, v0 (or from 1). Long, a row a landmark: frame, landmark, x, y, z, visibility. x and y are shares of
the picture unless they are above it; z is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.formats.csv_file import read_csv
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, canonical, files_of, medium_name
from posemill.pose.skeleton import BLAZEPOSE_33
from posemill.untrusted import untrusted

if TYPE_CHECKING:
    import polars as pl

LARGEST_SHARE = 3.0  # MediaPipe places landmarks outside the picture too
_FRAME = ("frame", "frame_idx", "frame_id", "frame_number", "frame_no", "image", "file")
_TIMES = {"time_s": 1.0, "timestamp_s": 1.0, "time_ms": 1e-3, "timestamp_ms": 1e-3}  # in seconds
_PERSON = ("person", "person_id", "pose", "pose_id", "pose_index", "track_id", "id")
_LANDMARK = ("landmark", "landmark_name", "landmark_id", "landmark_index", "keypoint", "joint", "name", "index")
_CONFIDENCE = ("visibility", "presence", "confidence", "score", "v", "c")
_NUMBERED = re.compile(r"(?:landmark|lm|pose|kp|point)?_?(\d+)_?(x|y|visibility|presence|v|c)|(x|y|v|c)_?(\d+)")


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every file of a path."""
    for file in files_of(path, (".csv",), "MediaPipe"):
        name = medium_name(file, path)
        try:
            with untrusted(file.name):
                table = _table(file, name)
        except InputError as exc:
            yield Fault(name, f"{name}: {exc}")
        else:
            yield table


def _table(file: Path, name: str) -> PoseTable:
    table = read_csv(file)
    table = table.rename({column: column.strip() for column in table.columns})
    lower = {column.lower(): column for column in table.columns}
    landmark = next((lower[key] for key in _LANDMARK if key in lower), None)
    if landmark is not None and {"x", "y"} <= set(lower):
        keypoints, frame, individual, values, has_confidence = _long(table, lower, landmark)
    else:
        keypoints, frame, individual, values, has_confidence = _wide(file, table, lower)
    largest = np.nanmax(np.abs(values[..., :2])) if np.isfinite(values[..., :2]).any() else 0.0
    if largest <= LARGEST_SHARE and (values[..., :2] < -0.5).mean() > 0.1:
        raise InputError("x and y look like world landmarks in metres around the hips: give the normalized landmarks")
    units = "share" if largest <= LARGEST_SHARE else "pixels"
    rate = _rate(table, lower)
    return PoseTable(name, keypoints, frame, individual, values, units, has_confidence, fps=rate)  # type: ignore[arg-type]


_Parts = tuple[tuple[str, ...], NDArray[np.int64], list[str] | None, NDArray[np.float64], bool]


def _wide(file: Path, table: pl.DataFrame, lower: dict[str, str]) -> _Parts:
    columns = _named(lower) or _numbered(lower)
    if not columns:
        raise InputError(
            f"{file.name} has no landmarks of MediaPipe: expected columns such as nose_x, nose_y, nose_visibility or "
            f"x0, y0, v0, or rows of frame, landmark, x, y; came {', '.join(table.columns[:8])}"
        )
    values = np.full((len(table), len(columns), 3), np.nan)
    for k, parts in enumerate(columns.values()):
        for axis, column in enumerate(parts):
            if column is not None:
                values[:, k, axis] = _numbers(table, column)
    without = [name for name, parts in columns.items() if parts[2] is None]
    if 0 < len(without) < len(columns):
        raise InputError(f"{', '.join(without[:8])} has no visibility, and other landmarks have one")
    has_confidence = not without
    return tuple(columns), _frames(table, lower), _individuals(table, lower), values, has_confidence


def _named(lower: dict[str, str]) -> dict[str, tuple[str, str, str | None]]:
    """Landmark → its columns of x, y and confidence, for columns with names."""
    found = {}
    for key, column in lower.items():
        match = re.fullmatch(r"(.+?)[_. ]x", key)
        if match is None or canonical(match[1]) not in BLAZEPOSE_33.keypoints:
            continue
        separator = key[len(match[1])]
        y = lower.get(f"{match[1]}{separator}y")
        if y is not None:
            third = next((lower[t] for c in _CONFIDENCE if (t := f"{match[1]}{separator}{c}") in lower), None)
            found[canonical(match[1])] = column, y, third
    return found


def _numbered(lower: dict[str, str]) -> dict[str, tuple[str, str, str | None]]:
    """The same for columns with numbers, from 0 or from 1."""
    numbers: dict[int, dict[str, str]] = {}
    for key, column in lower.items():
        match = _NUMBERED.fullmatch(key)
        if match:
            number, part = (match[1], match[2]) if match[1] else (match[4], match[3])
            numbers.setdefault(int(number), {})["v" if part not in "xy" else part] = column
    complete = sorted(number for number, parts in numbers.items() if {"x", "y"} <= set(parts))
    if len(complete) != len(BLAZEPOSE_33) or complete != list(range(complete[0], complete[0] + len(complete))):
        return {}
    return {
        name: (numbers[n]["x"], numbers[n]["y"], numbers[n].get("v"))
        for name, n in zip(BLAZEPOSE_33.keypoints, complete, strict=True)
    }


def _long(table: pl.DataFrame, lower: dict[str, str], landmark: str) -> _Parts:
    names = table[landmark].to_list()
    numeric = all(isinstance(name, int) for name in names)
    first = min(names) if numeric and names else 0
    third = next((lower[c] for c in _CONFIDENCE if c in lower), None)
    x, y = _numbers(table, lower["x"]), _numbers(table, lower["y"])
    confidence = _numbers(table, third) if third else np.ones(len(table))
    frame, person = _frames(table, lower), _individuals(table, lower) or ["0"] * len(table)
    rows: dict[tuple[int, str], NDArray[np.float64]] = {}
    placed: set[tuple[int, str, str]] = set()
    for i, name in enumerate(names):
        number = name - first if numeric else -1
        spelled = BLAZEPOSE_33.keypoints[number] if 0 <= number < len(BLAZEPOSE_33) else canonical(str(name))
        if spelled not in BLAZEPOSE_33.keypoints:
            raise InputError(f"{name!r} is no landmark of MediaPipe's pose")
        key = int(frame[i]), person[i]
        if (*key, spelled) in placed:
            raise InputError(f"landmark {name} is twice in frame {frame[i]}: a column person is missing")
        placed.add((*key, spelled))
        row = rows.setdefault(key, np.full((len(BLAZEPOSE_33), 3), np.nan))
        row[BLAZEPOSE_33.index(spelled)] = x[i], y[i], confidence[i]
    individuals = [who for _, who in rows]
    values = np.stack(list(rows.values())) if rows else np.zeros((0, len(BLAZEPOSE_33), 3))
    return BLAZEPOSE_33.keypoints, np.array([f for f, _ in rows], np.int64), individuals, values, third is not None


def _frames(table: pl.DataFrame, lower: dict[str, str]) -> NDArray[np.int64]:
    column = next((lower[key] for key in _FRAME if key in lower), None)
    if column is None:
        if any(key in lower for key in _PERSON):
            raise InputError("it has a column for people and none for frames: name it frame")
        return np.arange(len(table), dtype=np.int64)
    return np.array(numbers_of(table[column].to_list(), f"column {column}"), np.int64)


def _rate(table: pl.DataFrame, lower: dict[str, str]) -> float | None:
    """Frames per second by a column of times, where rows are frames; None without one."""
    column = next((lower[key] for key in _TIMES if key in lower), None)
    if column is None or any(key in lower for key in _FRAME):
        return None
    times = _numbers(table, column)
    span_s = (times[-1] - times[0]) * _TIMES[column.lower()] if len(times) > 1 else np.nan
    return float((len(times) - 1) / span_s) if span_s > 0 else None


def _individuals(table: pl.DataFrame, lower: dict[str, str]) -> list[str] | None:
    column = next((lower[key] for key in _PERSON if key in lower), None)
    return None if column is None else [str(cell) for cell in table[column].to_list()]


def _numbers(table: pl.DataFrame, column: str) -> NDArray[np.float64]:
    import polars as pl

    try:
        return table[column].cast(pl.Float64).to_numpy().astype(np.float64)
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"column {column} has something else than numbers: {str(exc).splitlines()[0]}") from exc


TOOL = Tool(
    name="mediapipe",
    title="MediaPipe: CSV tables of its 33 pose landmarks.",
    read=read,
    example="landmarks.csv --size 1920x1080 --fps 30",
    notes="Shares of the picture become pixels; world landmarks are refused; without a column frame, rows are frames.",
)
