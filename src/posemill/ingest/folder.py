"""Entries from video files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.ingest.entry import Entry, printable
from posemill.ingest.manifest import MANIFESTS, read_manifest

_EXTENSIONS = ".3gp .avi .flv .m2ts .m4v .mjpeg .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv"
VIDEOS = frozenset(_EXTENSIONS.split())


def entries(
    paths: Sequence[Path],
    *,
    activity_from_folder: bool = False,
    **claims: str | None,
) -> list[Entry]:
    """Return the entries of these files, folders and manifests.

    A folder gives its videos at any depth, by extension, without hidden files; `source` is their path within it, the
    folder's name first. A manifest (.csv, .parquet) says itself what its rows are, and the claims fill its gaps.

    claims  of clip_fields.CLAIMS, such as `activity`, for all entries.
    Errors: InputError that lists every path that is missing, empty of videos or of an unknown kind.
    """
    result: list[Entry] = []
    faults: list[str] = []
    for path in paths:
        try:
            result += _of(path, claims, activity_from_folder)
        except InputError as exc:
            faults.append(str(exc))
    if faults:
        raise InputError("; ".join(faults))
    return result


def _of(path: Path, claims: dict[str, Any], activity_from_folder: bool) -> list[Entry]:
    if path.is_dir():
        files = sorted(videos(path))
        if not files:
            raise InputError(f"{path} holds no video ({', '.join(VIDEOS)}); hidden files are skipped")
        base = path.resolve()
        pairs = [(file, f"{base.name}/{file.relative_to(path)}") for file in files]
    elif not path.exists():
        raise InputError(f"{path} does not exist")
    elif path.suffix.lower() in MANIFESTS:
        return read_manifest(path, claims)
    elif path.suffix.lower() in VIDEOS:
        pairs = [(path, path.name)]
    else:
        raise InputError(f"{path} is neither a video ({', '.join(VIDEOS)}) nor a manifest (.csv, .parquet)")
    return [_entry(file, source, claims, activity_from_folder) for file, source in pairs]


def _entry(file: Path, source: str, claims: dict[str, Any], activity_from_folder: bool) -> Entry:
    claims = claims | ({"activity": file.parent.name} if activity_from_folder else {})
    return Entry(_whole(file), printable(source), **claims)


def _whole(file: Path) -> Path:
    """Absolute path, links followed where they lead to a file: adding says what is wrong with the others."""
    return file.resolve() if file.is_file() else file.absolute()


def videos(folder: Path) -> Iterator[Path]:
    """Yield video files at any depth, without hidden files and folders; links to folders are not followed.

    What has the name of a video and is none, such as a pipe, is there too, and so is a folder that may not be read.
    """
    closed: list[Path] = []
    for base, folders, files in os.walk(folder, onerror=lambda exc: closed.append(Path(exc.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in (*files, *(name for name in folders if _is_empty(Path(base, name)))):
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEOS:
                yield Path(base) / name
    yield from closed


def _is_empty(folder: Path) -> bool:
    """True for a folder with the name of a video that holds none: somebody took it for one."""
    return folder.suffix.lower() in VIDEOS and next(videos(folder), None) is None
