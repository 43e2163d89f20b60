"""Registry of formats: tracks read and written by format name.

A format is one module of this package with `FORMATS`, a tuple of entries; nothing else lists them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from posemill import formats
from posemill.atomic import atomic_folder
from posemill.errors import InputError, PosemillError
from posemill.formats.entry import Format, group_by_skeleton
from posemill.pose.track import MediumTracks
from posemill.pose.units import check_in_picture, check_pixels
from posemill.untrusted import untrusted


@cache
def known_formats() -> Mapping[str, Format]:
    """Return all formats by name: the FORMATS of every module of this package.

    Examples:
        >>> from posemill.formats.registry import known_formats
        >>> "coco" in known_formats()
        True
    """
    entries: dict[str, Format] = {}
    for module in sorted(info.name for info in iter_modules(formats.__path__)):
        for entry in getattr(import_module(f"{formats.__name__}.{module}"), "FORMATS", ()):
            if entry.name in entries:
                raise PosemillError(f"format {entry.name!r} is registered twice, the second time in {module}.py")
            entries[entry.name] = entry
    return MappingProxyType(dict(sorted(entries.items())))


def find_format(name: str) -> Format:
    """Return the format of that name. Errors: InputError for an unknown name, which lists the known ones."""
    known = known_formats()
    if name not in known:
        raise InputError(f"unknown format {name!r}; known are {', '.join(known)}")
    return known[name]


def writable() -> tuple[str, ...]:
    """Return the names of the formats in which tracks are written."""
    return tuple(name for name, entry in known_formats().items() if entry.write)


def recognize(path: Path) -> Format:
    """Return the format of a file or folder, by its name and first bytes.

    Errors: InputError where none or several fit; it lists the formats that can be read.
    """
    if not path.exists():
        raise InputError(f"there is no {path}")
    fitting = [entry for entry in known_formats().values() if entry.read and entry.recognize(path)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(entry.name for entry in (fitting or known_formats().values()) if entry.read)
    reason = "fits several formats" if fitting else "is not recognized"
    raise InputError(f"{path} {reason}: say which format it is, one of {names}")


def read_media(path: Path | str, format: str | None = None, **options: Any) -> list[MediumTracks]:
    """Read the tracks of every medium in a file or folder.

    Args:
        path: a file or a folder, as the format has it.
        format: name of the format; None = it is recognized by name and first bytes, where that is safe.
        options: what the format does not hold: `width_px`, `height_px`, `fps` and perhaps `skeleton`, `medium`,
            `frames`, `duration_s` for openpose and openpifpaf; `skeleton` and `fps` for pyskl.

    Errors: InputError for an unknown format or option, and for content that does not fit or is not in pixels of its
    picture.

    Examples:
        >>> media = posemill.read_media("export/keypoints.json", "coco")    # doctest: +SKIP
        >>> read_media("tracks.c3d", "c3d")
        Traceback (most recent call last):
        posemill.errors.InputError: unknown format 'c3d'; known are coco, csv, cvat, ...
    """
    path = Path(path)
    entry = recognize(path) if format is None else find_format(format)
    if entry.read is None:
        raise InputError(f"format {entry.name} is not read as tracks: {entry.use_instead}")
    if not path.exists():
        raise InputError(f"there is no {path}")
    known = _checked(entry.name, entry.read, options)
    with untrusted(str(path)):
        media = entry.read(path, **known)
        for tracks in media:
            check_in_picture(tracks.medium, tracks)
            for track in tracks.tracks if not tracks.is_3d else ():
                check_pixels(tracks.medium, track.xy)
        return media


def read_tracks(path: Path | str, format: str | None = None, **options: Any) -> MediumTracks:
    """Read the tracks of one medium from a file or folder; format and options as in `read_media`.

    Errors: InputError also for a file with the tracks of several media, or of none.

    Examples:
        >>> import tempfile, numpy as np
        >>> from posemill import SKELETONS, MediumTracks, PoseTrack, read_tracks, write_tracks
        >>> track = PoseTrack.from_numpy(np.ones((50, 17, 2)), SKELETONS["coco-17"], fps=25)
        >>> tracks = MediumTracks("clip", "imported", track.skeleton, 640, 480, 50, 2.0, (track,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_tracks(tracks, folder, "csv")
        ...     read_tracks(folder).tracks[0].xy.shape
        (50, 17, 2)
    """
    media = read_media(path, format, **options)
    if len(media) != 1:
        raise InputError(f"{path} has the tracks of {len(media)} media, expected one: read_media reads all of them")
    return media[0]


def write_tracks(tracks: MediumTracks | Sequence[MediumTracks], path: Path | str, format: str, **options: Any) -> int:
    """Write the tracks of one or several media to a file or folder; returns the number of files.

    Args:
        path: a file (coco, openpifpaf, pyskl) or a folder (csv, parquet, openpose).
        format: name of the format.
        options: of the format, such as `visible_from` of coco.

    Errors: InputError for an unknown format or option, and for more than the format's file can hold.

    Examples:
        >>> posemill.write_tracks(tracks, "clip.json", "coco")              # doctest: +SKIP
        1
    """
    media = [tracks] if isinstance(tracks, MediumTracks) else list(tracks)
    entry, writer = _writing(format)
    skeletons = {t.skeleton.name for t in media}
    if entry.one_per == "medium" and len(media) != 1:
        raise InputError(f"format {entry.name} holds one medium a path, came {len(media)}: write them one by one")
    if entry.one_per == "skeleton" and len(skeletons) > 1:
        raise InputError(f"format {entry.name} holds one skeleton a file, came {', '.join(sorted(skeletons))}")
    path = Path(path)
    with atomic_folder(path.parent) as part:
        return writer(part / path.name, media, **_checked(entry.name, writer, options))


def export_tracks(media: Sequence[MediumTracks], folder: Path, format: str, **options: Any) -> int:
    """Write any number of media into a folder, in as many files as the format needs; returns how many.

    options  of any format; those that this format does not have are left out.
    All of them take their names together at the end: an error leaves what was there before.
    """
    entry, writer = _writing(format)
    known = _options(writer)
    options = {name: value for name, value in options.items() if name in known} | dict(entry.export_options)
    groups = {"export": [list(media)], "medium": [[t] for t in media]}
    parts = groups.get(entry.one_per) or list(group_by_skeleton(media).values())
    names = [
        entry.export_name.format(medium=part[0].medium[:16], skeleton=part[0].skeleton.name) if part else ""
        for part in parts
    ]
    with atomic_folder(folder) as fresh:
        return sum(writer(fresh / name, part, **options) for name, part in zip(names, parts, strict=True))


def markdown_table() -> str:
    """Return the table of formats for the documentation."""
    header = ("format", "files", "missing keypoint", "confidence", "interpolated, corrected poses", "round trip")
    rows = [header, ("---",) * len(header)]
    for entry in known_formats().values():
        facts = entry.files, entry.missing, entry.confidence, entry.states, entry.round_trip
        rows.append((f"`{entry.name}`", *facts))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _writing(name: str) -> tuple[Format, Callable[..., int]]:
    entry = find_format(name)
    if entry.write is None:
        raise InputError(f"format {entry.name} is not written as tracks: {entry.use_instead}")
    return entry, entry.write


def _options(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]


def _checked(name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options. Errors: InputError for an unknown or a missing one."""
    parameters = inspect.signature(function).parameters
    known = _options(function)
    if unknown := [option for option in options if option not in known]:
        raise InputError(f"format {name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    needed = [option for option in known if parameters[option].default is inspect.Parameter.empty]
    if missing := [option for option in needed if option not in options]:
        raise InputError(f"format {name} does not hold {', '.join(missing)}: give it as an option")
    return dict(options)
