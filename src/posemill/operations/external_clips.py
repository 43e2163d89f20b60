"""Activity labels of a folder of videos: from a table, from sub-folders, or from the files' names."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.text_file import read_text

TABLES = (".csv", ".json")
COLUMNS = {
    "path": ("path", "file", "filename", "video", "name"),
    "activity": ("activity", "label", "class", "truth"),
    "start_s": ("start_s",),
    "end_s": ("end_s",),
}


@dataclass(frozen=True, slots=True)
class ExternalClip:
    """A stretch of a video (end_s NaN = to its end) and what it shows; None where nobody said."""

    path: Path
    name: str
    activity: str | None
    start_s: float = 0.0
    end_s: float = float("nan")


def clips_of(folder: Path, labels: Path | None = None) -> list[ExternalClip]:
    """The clips of a folder in order of their names.

    labels  a table: CSV with columns path and activity (start_s, end_s too), or JSON {path: activity} or a list of such
            rows. Without one the folder's own is taken; without any, a sub-folder's name is the activity, and beside
            them the file's name without its number (`squat_3.mp4`).
    Errors: InputError for a folder without videos, several tables, a table that cannot be read or names other files.
    """
    from posemill.ingest.folder import videos

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: --videos takes a folder of videos")
    files = {file.relative_to(folder).as_posix(): file for file in sorted(videos(folder))}
    if not files:
        raise InputError(f"{folder} holds no video: put videos there, named by activity or in folders by activity")
    table = labels or _own_table(folder)
    if table is None:
        return [ExternalClip(file, name, activity_of(name)) for name, file in files.items()]
    names = _names(files)
    clips = [_clip(row, files, names, table) for row in _rows(table)]
    named = {clip.name for clip in clips}
    return [*clips, *(ExternalClip(file, name, None) for name, file in files.items() if name not in named)]


def activity_of(name: str) -> str:
    """Return the activity of a file by its folder (`squat/a.mp4`), or else by its name (`squat_3.mp4`)."""
    path = Path(name)
    return path.parts[0] if len(path.parts) > 1 else re.sub(r"[\s_.-]*\(?\d+\)?$", "", path.stem) or path.stem


def same_activity(said: str, classes: Sequence[str]) -> str | None:
    """The class of that name, however it is written: `Push-ups` is push_up; None when there is none."""
    known = {_plain(name): name for name in reversed(classes)}
    return said if said in classes else known.get(_plain(said))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold()).removesuffix("s")


def _own_table(folder: Path) -> Path | None:
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLES and p.is_file())
    named = [p for p in found if p.stem == "labels"]
    if len(named or found) > 1:
        raise InputError(f"{folder} holds {', '.join(p.name for p in found)}: say which one by --labels")
    return next(iter(named or found), None)


def _rows(table: Path) -> list[dict[str, Any]]:
    """Rows with the names of COLUMNS."""
    try:
        if table.suffix.lower() == ".json":
            content = json.loads(read_text(table))
            rows = [{"path": k, "activity": v} for k, v in content.items()] if isinstance(content, dict) else content
        else:
            rows = list(csv.DictReader(read_text(table).splitlines()))
        renamed = [{key: _cell(row, names) for key, names in COLUMNS.items()} for row in rows]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, csv.Error) as exc:
        raise InputError(f"{table} is no readable table of videos: {exc}; {_EXPECTED}") from exc
    if not renamed or not all(row["path"] for row in renamed):
        raise InputError(f"{table} does not name a video in every row; {_EXPECTED}")
    return renamed


_EXPECTED = 'it should be a CSV with the columns path and activity, or JSON {"file.mp4": "activity"}'


def _cell(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    found = (row[name] for name in names if row.get(name) not in (None, ""))
    value = next(found, None)
    return None if value is None else str(value).strip() or None


def _names(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the name of every video by the paths that a table may give: within the folder, absolute, without links."""
    real = {os.path.realpath(file): name for name, file in files.items()}
    return real | {os.path.abspath(file): name for name, file in files.items()} | {name: name for name in files}


def _clip(row: Mapping[str, Any], files: Mapping[str, Path], names: Mapping[str, str], table: Path) -> ExternalClip:
    path = Path(row["path"])
    known = names.get(path.as_posix()) or (names.get(os.path.realpath(path)) if path.is_absolute() else None)
    if known is None:
        raise InputError(f"{table} names {row['path']}, which is not among the videos of the folder; correct the table")
    name = known
    try:
        start_s, end_s = float(row["start_s"] or 0), float(row["end_s"] or "nan")
    except ValueError as exc:
        raise InputError(f"{table}: start_s and end_s of {name} should be seconds ({exc})") from exc
    if end_s <= start_s:
        raise InputError(f"{table}: {name} ends at {end_s:g} s, which is not after its start at {start_s:g} s")
    return ExternalClip(files[name], name, row["activity"], start_s, end_s)
