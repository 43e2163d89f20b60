"""Entries from video and picture files and their folders, and what is left out of them with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posemill.errors import InputError, UnreadableMedia
from posemill.ingest.entry import Entry, printable
from posemill.ingest.manifest import MANIFESTS, read_manifest

_EXTENSIONS = """
.3g2 .3gp .asf .avi .divx .dv .f4v .flv .m1v .m2t .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpe .mpeg .mpg .mpv .mts
.ogm .ogv .qt .ts .vob .webm .wmv
"""
VIDEOS = frozenset(_EXTENSIONS.split())
PICTURES = frozenset(
    [
        ".apng",
        ".avif",
        ".bmp",
        ".dng",
        ".exr",
        ".gif",
        ".heic",
        ".heif",
        ".jpeg",
        ".jpg",
        ".png",
        ".raw",
        ".svg",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
STILLS = frozenset([".jpeg", ".jpg", ".png", ".webp"])  # pictures that can be media: each is one pose
A_PICTURE = "it is a picture"
SHOWN = 20  # left-out files named in one message

LeftOut = dict[str, str]  # path as people know it → why it is not taken


@dataclass(frozen=True, slots=True)
class Scan:
    """Entries of some paths, and what in their folders was left out: its name and why, each once."""

    entries: list[Entry]
    left_out: LeftOut = field(default_factory=dict)


def entries(paths: Sequence[Path], *, activity_from_folder: bool = False, **claims: str | None) -> list[Entry]:
    """Return the entries of these files, folders and manifests; see `scan`."""
    return scan(paths, activity_from_folder=activity_from_folder, **claims).entries


def scan(paths: Sequence[Path], *, activity_from_folder: bool = False, **claims: str | None) -> Scan:
    """Return the entries of these files, folders and manifests, and what was left out.

    A folder gives its videos at any depth, without hidden files: by ending, and whatever else can be decoded; `source`
    is their path within it, the folder's name first. A folder that holds no video gives its pictures (JPEG, PNG, WebP):
    beside videos a picture is a thumbnail or a title, alone it is what is wanted. A manifest (.csv, .parquet) says
    itself what its rows are, and the claims fill its gaps.

    claims  of clip_fields.CLAIMS, such as `activity`, for all entries.
    Errors: InputError that lists every path that is missing, empty of videos or of an unknown kind.
    """
    result = Scan([])
    faults: list[str] = []
    for path in paths:
        try:
            result.entries.extend(_of(path, claims, activity_from_folder, result.left_out))
        except InputError as exc:
            faults.append(str(exc))
    if faults:
        raise InputError("; ".join(faults))
    return result


def _of(path: Path, claims: dict[str, Any], activity_from_folder: bool, left_out: LeftOut) -> list[Entry]:
    if path.is_dir():
        base, passed = path.resolve(), dict[Path, str]()
        files = sorted(videos(path, passed)) or sorted(_stills(passed))
        passed = {file: why for file, why in passed.items() if file not in files}
        if not files:
            raise InputError(
                f"{path} holds no video ({_endings()}, or another that can be decoded) and no picture "
                f"({', '.join(sorted(STILLS))})"
                + (f": {_listed({str(f.relative_to(path)): why for f, why in passed.items()})}" if passed else "")
            )
        left_out.update({printable(f"{base.name}/{f.relative_to(path)}"): why for f, why in passed.items()})
        pairs = [(file, f"{base.name}/{file.relative_to(path)}") for file in files]
    elif not path.exists():
        raise InputError(f"{path} does not exist")
    elif path.suffix.lower() in MANIFESTS:
        return read_manifest(path, claims)
    elif path.suffix.lower() in VIDEOS | STILLS:
        pairs = [(path, path.name)]
    elif (why := _why_not(path)) is not None:
        raise InputError(
            f"{path} is neither a video ({_endings()}) nor a picture nor a manifest (.csv, .parquet): {why}"
        )
    else:
        pairs = [(path, path.name)]
    return [_entry(file, source, claims, activity_from_folder) for file, source in pairs]


def _entry(file: Path, source: str, claims: dict[str, Any], activity_from_folder: bool) -> Entry:
    claims = claims | ({"activity": file.parent.name} if activity_from_folder else {})
    return Entry(_whole(file), printable(source), **claims)


def _whole(file: Path) -> Path:
    """Absolute path, links followed where they lead to a file: adding says what is wrong with the others."""
    return file.resolve() if file.is_file() else file.absolute()


def videos(folder: Path, left_out: dict[Path, str] | None = None) -> Iterator[Path]:
    """Yield video files at any depth, without hidden files and folders; links to folders are not followed.

    A file with another ending is taken where it can be decoded. What has the name of a video and is none, such as a
    pipe, is there too, and so is a folder that may not be read.

    left_out  gets what is not taken, and why.
    """
    closed: list[Path] = []
    passed: dict[Path, str] = {} if left_out is None else left_out
    for base, folders, files in os.walk(folder, onerror=lambda exc: closed.append(Path(exc.filename))):
        here = Path(base)
        passed |= {here / name: "it is hidden" for name in (*folders, *files) if name.startswith(".")}
        passed |= {
            here / name: "it is a link to a folder, which is not followed: add that folder itself"
            for name in folders
            if not name.startswith(".") and (here / name).is_symlink()
        }
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted((*files, *(name for name in folders if _is_empty(here / name)))):
            if name.startswith("."):
                continue
            why = None if Path(name).suffix.lower() in VIDEOS else _why_not(here / name)
            if why is None:
                yield here / name
            else:
                passed[here / name] = why
    yield from closed


def _stills(passed: dict[Path, str]) -> list[Path]:
    """Pictures that can be media among the files that are no videos."""
    return [file for file, why in passed.items() if why == A_PICTURE and file.suffix.lower() in STILLS]


def _is_empty(folder: Path) -> bool:
    """True for a folder with the name of a video that holds none: somebody took it for one."""
    return folder.suffix.lower() in VIDEOS and next(videos(folder), None) is None


def _why_not(file: Path) -> str | None:
    """Return why a file without the ending of a video is none; None where it can be decoded all the same."""
    from posemill.video.sandboxed import probe_sandboxed

    if file.suffix.lower() in PICTURES:
        return A_PICTURE
    try:
        frames = probe_sandboxed(file).frames
    except UnreadableMedia as exc:
        return str(exc).replace(f"{file} ", "it ").replace(f"{file.name} ", "it ")
    return None if frames > 1 else "it is a single picture"


def _endings() -> str:
    return ", ".join(sorted(VIDEOS))


def _listed(left_out: LeftOut) -> str:
    lines = [f"{name}: {why}" for name, why in left_out.items()]
    more = f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more
