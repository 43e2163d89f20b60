"""Entry of the formats registry: the description of one format and its reader and writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from posemill.pose.track import MediumTracks

Reader = Callable[..., list[MediumTracks]]  # (path, **options)
Writer = Callable[..., int]  # (path, media, **options) → number of files


@dataclass(frozen=True, slots=True)
class Format:
    """A format of tracks, declared in its module's FORMATS.

    name        by which it is chosen.
    files       what is written, for the table of formats.
    missing     how a keypoint that is not seen is written.
    confidence  where a keypoint's confidence is, if anywhere.
    states      how interpolated and corrected poses are told apart, if at all.
    round_trip  what comes back when written tracks are read.
    read        (path, **options) → tracks of every medium in it; None = it cannot be read as tracks.
    write       (path, media, **options) → number of files; None = it is not written as tracks.
    recognize   (path) → true for a file or folder of this format, by name or first bytes; it may look wrong at others.
    one_per     what a path can hold: all media, those of one skeleton, or one medium.
    export_name  path of an export within its folder; {medium} and {skeleton} are filled in, "" is the folder itself.
    export_options  options of `write` that an export adds.
    use_instead  a sentence for a name that can only be read, written, or reviewed.
    """

    name: str
    files: str
    missing: str
    confidence: str
    states: str
    round_trip: str
    read: Reader | None = None
    write: Writer | None = None
    recognize: Callable[[Path], bool] = lambda path: False
    one_per: Literal["export", "skeleton", "medium"] = "export"
    export_name: str = ""
    export_options: Mapping[str, Any] = field(default_factory=dict)
    use_instead: str = ""


def beginning(path: Path, size: int = 512) -> str:
    """Return the first characters of a file, to recognize its format; empty for a folder or an unreadable file."""
    try:
        with path.open("rb") as file:
            return file.read(size).decode("utf-8-sig", errors="replace").lstrip()
    except OSError:
        return ""


def group_by_skeleton(media: Sequence[MediumTracks]) -> dict[str, list[MediumTracks]]:
    """Group media by the name of their skeleton, in alphabetical order."""
    return {name: [t for t in media if t.skeleton.name == name] for name in sorted({t.skeleton.name for t in media})}
