"""Pose table: what every tool's file is read into, and how it becomes a sequence of tracks.

The rules are here and nowhere else: what was not found is unseen, coordinates in shares of the picture become pixels, a
person is in a frame once, people who were not followed are followed by posemill's own tracker, and what a file does not
say (the picture's size, the frame rate) is asked for, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.sequence import LABELLER, Fault, named_group, skeleton_of
from posemill.ingest.sequence import Sequence as Imported
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.pose.units import check_confidence, check_in_picture, check_pixels
from posemill.pose.unseen import not_found
from posemill.untrusted import untrusted

OTHER_RATE = 1.5  # times how much a file's own rate may differ from the one that was given
Units = Literal["pixels", "share"]
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}


@dataclass(frozen=True, slots=True, eq=False)
class PoseTable:
    """Poses of one medium as another tool gives them.

    name        of the medium, as its file says.
    keypoints   the tool's names (K), in the order of `values`.
    frame       (N,) int frame numbers from 0.
    individual  N names of whom each row shows; None: the tool did not follow people.
    values      (N, K, 3) float x, y, confidence; NaN = not seen.
    units       of x and y: pixels, or shares of the picture's width and height.
    has_confidence  False: the third value says nothing, and what is exactly at the origin is unseen.
    frames, fps, size  of the medium, where the file says it.
    """

    name: str
    keypoints: tuple[str, ...]
    frame: NDArray[np.int64]
    individual: Sequence[str] | None
    values: NDArray[np.float64]
    units: Units = "pixels"
    has_confidence: bool = True
    frames: int | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        n = len(self.frame)
        individuals = n if self.individual is None else len(self.individual)
        if self.values.shape != (n, len(self.keypoints), 3) or individuals != n:
            raise InputError(
                f"{self.name}: expected ({n}, {len(self.keypoints)}, 3) values and {n} individuals, came "
                f"{self.values.shape} and {individuals}"
            )
        if n and self.frame.min() < 0:
            raise InputError(f"{self.name}: frame {self.frame.min()} is below 0")


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """Options for what the files of tools do not say.

    size, fps   of every medium.
    skeleton    None = the largest that has only keypoints of the file, by name.
    activity, activity_from_folder, subject, split  labels: for all, by the folder's name, by a regular expression
                whose groups in the medium's name are the subject, and the official side of all.
    """

    dataset: str
    size: tuple[int, int] | None = None
    fps: float | None = None
    skeleton: Skeleton | None = None
    activity: str | None = None
    activity_from_folder: bool = False
    subject: str | None = None
    split: str | None = None


Reader = Callable[[Path, ToolOptions], Iterator[PoseTable | Fault]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A pose tool whose files are read.

    title    of the command's help.
    read     (path, options) → its media.
    example  arguments of a command.
    notes    what its files do not say, and what is assumed.
    """

    name: str
    title: str
    read: Reader
    example: str
    notes: str


def sequences(tool: Tool, path: Path, options: ToolOptions) -> Iterator[Imported | Fault]:
    """Read every medium of a tool's file or folder.

    Errors: InputError when there is nothing of that tool there.
    """
    for table in tool.read(path, options):
        if isinstance(table, Fault):
            yield table
            continue
        try:
            with untrusted(table.name):
                sequence = to_sequence(table, options, path)
        except InputError as exc:
            yield Fault(table.name, str(exc))
        else:
            yield sequence


def to_sequence(table: PoseTable, options: ToolOptions, path: Path) -> Imported:
    """Convert a table to tracks with their labels. Errors: InputError with its name and what is missing or wrong."""
    size, fps = options.size or table.size, options.fps or table.fps
    if size is None:
        raise InputError(f"{table.name} does not say how large the picture is: give --size, such as 1280x720")
    if fps is None:
        raise InputError(f"{table.name} does not say how fast it runs: give --fps")
    if table.fps and not 1 / OTHER_RATE <= fps / table.fps <= OTHER_RATE:
        raise InputError(
            f"{table.name}: its times say {table.fps:.3g} frames per second, and --fps {fps:g}: leave --fps out, or "
            "correct the times"
        )
    skeleton, values = _arranged(table, options.skeleton)
    given = np.nan_to_num(values[..., 2]) if table.has_confidence else None
    if given is not None:
        check_confidence(table.name, given)
    seen = ~not_found(values[..., :2], given)
    scale = np.array(size if table.units == "share" else (1, 1), np.float64)
    xy = np.where(seen[..., None], values[..., :2] * scale, np.nan).astype(np.float32)
    if table.units == "pixels":
        check_pixels(table.name, xy)
    confidence = np.where(seen, 1.0 if given is None else np.clip(given, 0, 1), 0).astype(np.float32)
    order = np.argsort(table.frame, kind="stable")
    rows = [row for row in order if seen[row].any()]
    tracks = _followed(table, skeleton, rows, xy, confidence, fps)
    frames = max(int(table.frame.max()) + 1 if len(table.frame) else 0, table.frames or 0)
    medium = f"{options.dataset}/{table.name}"
    named = named_group(options.subject, table.name)
    folder = (path if path.is_dir() else path.parent).resolve().name
    parts = table.name.split("/")
    medium_tracks = MediumTracks(medium, LABELLER, skeleton, *size, frames, frames / fps, tracks)
    check_in_picture(table.name, medium_tracks)
    return Imported(
        table.name,
        (parts[-2] if len(parts) > 1 else folder) if options.activity_from_folder else options.activity,
        options.split,
        medium_tracks,
        subject=None if named is None else f"{options.dataset}/{named}",
    )


def _arranged(table: PoseTable, wanted: Skeleton | None) -> tuple[Skeleton, NDArray[np.float64]]:
    """The skeleton, and the values in its order of keypoints."""
    own = list(table.keypoints)
    if wanted is None or not set(wanted.keypoints) <= set(own):
        own = [canonical(name) for name in table.keypoints]
    try:
        skeleton = wanted or skeleton_of(own)
    except InputError as exc:
        raise InputError(f"{table.name}: {exc}") from exc
    missing = [name for name in skeleton.keypoints if name not in own]
    if missing:
        raise InputError(
            f"{table.name}: it has no keypoint {', '.join(missing)} of {skeleton.name}; it has {', '.join(own)}"
        )
    return skeleton, table.values[:, [own.index(name) for name in skeleton.keypoints]]


def _followed(
    table: PoseTable,
    skeleton: Skeleton,
    rows: list[int],
    xy: NDArray[np.float32],
    confidence: NDArray[np.float32],
    fps: float,
) -> tuple[PoseTrack, ...]:
    """Tracks of these rows: by the tool's individuals, else by posemill's tracker where people meet in a frame."""
    frame = table.frame
    if table.individual is None and len({int(frame[row]) for row in rows}) < len(rows):
        return _tracked(skeleton, [(int(frame[row]), xy[row], confidence[row]) for row in rows], fps)
    people: dict[str, list[int]] = {}
    for row in rows:
        own = people.setdefault("0" if table.individual is None else table.individual[row], [])
        if own and frame[own[-1]] == frame[row]:
            raise InputError(f"{table.name}: individual {table.individual[row]!r} is twice in frame {frame[row]}")  # type: ignore[index]
        own.append(row)
    return tuple(
        PoseTrack(
            skeleton,
            person,
            frame[own].astype(np.int32),
            frame[own] / fps,
            xy[own],
            confidence[own],
            np.full(len(own), State.PREDICTED, np.uint8),
        )
        for person, own in enumerate(people.values())
    )


def _tracked(
    skeleton: Skeleton, rows: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]], fps: float
) -> tuple[PoseTrack, ...]:
    """Follow people whom the tool did not follow; every pose stays, and nothing is interpolated."""
    from posemill.estimation.tracking import Tracker
    from posemill.estimation.types import Pose
    from posemill.params.tracking import TrackingParams

    tracker = Tracker(skeleton, TrackingParams(min_duration_s=0, min_poses=1, interpolate_s=0, double_oks=1))
    by_frame: dict[int, list[Pose]] = {}
    for frame, xy, confidence in rows:
        shown = confidence[~np.isnan(xy[:, 0])]
        by_frame.setdefault(frame, []).append(Pose(xy, confidence, float(shown.mean()) if len(shown) else 0.0))
    for frame, poses in sorted(by_frame.items()):
        tracker.update(frame, frame / fps, poses)
    return tracker.tracks()


def canonical(name: str) -> str:
    """Return a keypoint's name as posemill spells it, where it can be told.

    Examples:
        >>> [canonical(name) for name in ("LeftShoulder", "RIGHT_EYE_INNER", "mouth (left)", "l-wrist", "Ankle_R")]
        ['left_shoulder', 'right_eye_inner', 'left_mouth', 'left_wrist', 'right_ankle']
    """
    words = [word for word in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", name.strip()).lower()) if word]
    sides = [word for word in words if word in _SIDES]
    if len(sides) == 1 and (words[0] in _SIDES or words[-1] in _SIDES):
        words = [_SIDES[sides[0]], *(word for word in words if word not in _SIDES)]
    return "_".join(words)


def files_of(path: Path, endings: tuple[str, ...], what: str) -> list[Path]:
    """List the files of a path with these endings, at any depth of a folder, without hidden ones.

    Errors: InputError that says what there is instead.
    """
    if not path.is_dir():
        if path.suffix.lower() not in endings:
            raise InputError(f"{path} is no file of {what}: expected one that ends in {' or '.join(endings)}")
        return [path]
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    own = [p for p in files if p.suffix.lower() in endings]
    if not own:
        there = ", ".join(sorted({p.suffix or p.name for p in files})[:8]) or "nothing"
        raise InputError(f"{path} holds no file of {what} ({' or '.join(endings)}); it holds {there}")
    return own


def medium_name(file: Path, root: Path, stem: str | None = None) -> str:
    """Return the name of a file's medium: its path within the root folder, without an ending."""
    stem = file.stem if stem is None else stem
    folder = file.parent.relative_to(root) if root.is_dir() and file != root else Path()
    return (folder / stem).as_posix()
