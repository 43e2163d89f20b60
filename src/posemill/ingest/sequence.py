"""Samples of published data sets: keypoint sequences with their labels, and files that are invalid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import SKELETONS, Skeleton
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.pose.unseen import not_found
from posemill.text_file import one_name, read_text

LABELLER = "imported"


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One medium's keypoints as they go into the database.

    name      as the data set's authors know it, such as 0001; with the dataset's name before it, tracks.medium.
    activity  None where none was said; split: `train`, `test` or None, the official one.
    subject   the real person, or what takes its place: whoever is in one source video; None = the sequence alone.
    source    the file's name, where it is not `name`.
    """

    name: str
    activity: str | None
    split: str | None
    tracks: MediumTracks
    subject: str | None = None
    camera: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.activity is not None:
            object.__setattr__(self, "activity", one_name(self.activity) or None)


@dataclass(frozen=True, slots=True)
class Fault:
    """A file, or an entry of one, that is no sequence, and why."""

    name: str
    reason: str

    def sentence(self) -> str:
        """Return the reason, with the name before it where it does not say so itself."""
        return self.reason if self.reason.startswith(self.name) else f"{self.name}: {self.reason}"


SequenceStream = Iterator[Sequence | Fault]


def first_of_each_name(samples: Iterable[Sequence | Fault]) -> SequenceStream:
    """Yield samples as they come; the second of a name becomes a fault of a name of its own, such as `v1 #2`."""
    numbers: dict[str, int] = {}
    for sample in samples:
        number = numbers[sample.name] = numbers.get(sample.name, 0) + 1
        if number == 1:
            yield sample
        else:
            name = f"{sample.name} #{number}"
            yield Fault(name, f"{name}: there is another one of the name {sample.name} before it, which is kept")


def medium_tracks(
    medium: str,
    skeleton: Skeleton,
    size_px: tuple[int, int],
    fps: float,
    xy: NDArray[np.floating],
    confidence: NDArray[np.floating],
    z: NDArray[np.floating] | None = None,
) -> MediumTracks:
    """Make tracks of whole sequences, one person a row.

    xy          (M, T, K, 2) pixels, NaN = not seen, and so is what was not found by pose/unseen.py.
    confidence  (M, T, K), 0..1.
    z           (M, T, K) depth in pixels, where there is one.

    A frame in which nothing of a person is seen has no pose; somebody who is never seen has no track.
    """
    seen = ~not_found(xy, confidence)
    xy = np.where(seen[..., None], xy, np.nan).astype(np.float32)
    deep = None if z is None else np.where(seen, z, np.nan).astype(np.float32)
    masked = np.where(seen, np.clip(confidence, 0, 1), 0).astype(np.float32)
    tracks = []
    for person in range(len(xy)):
        frame = np.flatnonzero(seen[person].any(1)).astype(np.int32)
        if len(frame):
            state = np.full(len(frame), State.PREDICTED, np.uint8)
            depth = None if deep is None else deep[person, frame]
            tracks.append(
                PoseTrack(skeleton, person, frame, frame / fps, xy[person, frame], masked[person, frame], state, depth)
            )
    frames = xy.shape[1]
    return MediumTracks(medium, LABELLER, skeleton, *size_px, frames, frames / fps, tuple(tracks))


def named_group(pattern: str | None, name: str) -> str | None:
    """Return the groups of a regular expression in a name, joined; None without a pattern.

    Errors: InputError when it has no group, is none, or does not fit the name.

    Examples:
        >>> named_group(r"P(\\d+)", "S001C002P003R002A013")
        '003'
    """
    if pattern is None:
        return None
    try:
        match = re.search(pattern, name)
    except re.error as exc:
        raise InputError(f"{pattern!r} is no regular expression: {exc}") from exc
    if match is None or not match.groups():
        raise InputError(f"{name}: {pattern!r} finds no group in it that says who it is, such as in 'P(\\d+)'")
    return "-".join(part for part in match.groups() if part)


def read_classes(path: Path) -> list[str]:
    """Read activities, one a line, in the order of labels. Errors: InputError for an empty list, or a name twice."""
    names = [name for line in read_text(path).splitlines() if (name := one_name(line))]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise InputError(f"{path}: expected one activity a line, each once; {', '.join(twice) or 'none'} came")
    return names


def skeleton_of(names: Iterable[str]) -> Skeleton:
    """Return the skeleton with exactly these keypoints, in whatever order; else the largest that has no others.

    Errors: InputError when none fits.

    Examples:
        >>> from posemill.pose.skeleton import COCO_17
        >>> skeleton_of([*COCO_17.keypoints, "tail"]).name
        'coco-17'
    """
    known = set(names)
    fitting = [skeleton for skeleton in SKELETONS.values() if known.issuperset(skeleton.keypoints)]
    if not fitting:
        nearest = max(SKELETONS.values(), key=lambda skeleton: len(known & set(skeleton.keypoints)) / len(skeleton))
        lacking = [name for name in nearest.keypoints if name not in known]
        lacks = f" ({nearest.name} is nearest, and lacks {_some(lacking)})" if len(lacking) < len(nearest) else ""
        raise InputError(
            f"no skeleton has only keypoints among {_some(sorted(known)) or 'none'}{lacks}: name them as one of "
            f"{', '.join(SKELETONS)} does, or give a JSON file of the keypoints with --skeleton"
        )
    return max(fitting, key=len)


def _some(names: list[str], shown: int = 12) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
