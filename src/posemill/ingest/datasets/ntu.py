"""NTU RGB+D's skeleton files: text, one a clip, 25 keypoints of Kinect in metres and in two pictures.

A name such as S001C002P003R002A013 says setup, camera, performer, repetition and activity. Of the places one is taken:
`colour` and `depth` are Kinect's own projections into its two cameras' pictures, `virtual` projects the metres anew, or
keeps their depth where its camera says so. What Kinect did not track is unseen, what it inferred is half as sure as
what it tracked.

The official split is by performer (cross-subject). Cross-view and cross-setup have everybody on both sides, which is
no split by subject: they are not offered. 30 frames per second, as Kinect records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as Ordered
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.datasets.sequence import Fault, Sequence, SequenceStream, medium_tracks
from posemill.ingest.projection import VirtualCamera
from posemill.pose.skeleton import NTU_25

DATASET = "ntu-rgbd"
FPS = 30.0
Picture = Literal["colour", "depth", "virtual"]
_PICTURES = {"depth": (slice(3, 5), (512, 424)), "colour": (slice(5, 7), (1920, 1080))}
_COLUMNS = 12  # x y z, depth x y, colour x y, orientation w x y z, tracking state
_CONFIDENCE = np.array([0.0, 0.5, 1.0])  # not tracked, inferred, tracked
NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
TRAINING = frozenset(
    [
        1,
        2,
        4,
        5,
        8,
        9,
        13,
        14,
        15,
        16,
        17,
        18,
        19,
        25,
        27,
        28,
        31,
        34,
        35,
        38,
        45,
        46,
        47,
        49,
        50,
        52,
        53,
        54,
        55,
        56,
        57,
        58,
        59,
        70,
        74,
        78,
        80,
        81,
        82,
        83,
        84,
        85,
        86,
        89,
        91,
        92,
        93,
        94,
        95,
        97,
        98,
        100,
        103,
    ]
)


def count(path: Path) -> int:
    """Number of files, for a progress bar."""
    return len(_files(path))


def sequences(
    path: Path,
    *,
    picture: Picture = "colour",
    camera: VirtualCamera | None = None,
    classes: Ordered[str] | None = None,
    split: bool = True,
) -> SequenceStream:
    """Read every .skeleton file under a folder.

    classes  names of A001, A002 ...; without them the code is the activity.

    Errors: InputError when there is no such file.
    """
    files = _files(path)
    if not files:
        raise InputError(f"{path} holds no NTU RGB+D skeletons: expected files such as S001C001P001R001A001.skeleton")
    for file in files:
        try:
            yield parse(file.name, file.read_text(), picture=picture, camera=camera, classes=classes, split=split)
        except (InputError, UnicodeDecodeError) as exc:
            yield Fault(file.name, str(exc))


def parse(
    name: str,
    content: str,
    *,
    picture: Picture = "colour",
    camera: VirtualCamera | None = None,
    classes: Ordered[str] | None = None,
    split: bool = True,
) -> Sequence:
    """Parse one skeleton file. Errors: InputError with the name and what is wrong with it."""
    stem = name.removesuffix(".skeleton")
    match = NAME.fullmatch(stem)
    if match is None:
        raise InputError(f"{name} is no name of NTU RGB+D: expected one such as S001C001P001R001A001.skeleton")
    _, view, performer, _, label = (int(number) for number in match.groups())
    if classes is not None and not 0 < label <= len(classes):
        raise InputError(f"{name}: unknown class A{label:03d}: there are {len(classes)}")
    try:
        values = _values(content.split("\n"))
    except (ValueError, StopIteration, IndexError) as exc:
        raise InputError(f"{name} is no skeleton file, or cut short: {str(exc) or 'it ends too early'}") from exc
    xy, z, size = _pixels(values, picture, camera or VirtualCamera())
    state = np.nan_to_num(values[..., 11]).astype(int).clip(0, 2)
    xy = np.where((state > 0)[..., None] & np.isfinite(xy).all(-1, keepdims=True), xy, np.nan)
    return Sequence(
        stem,
        classes[label - 1] if classes is not None else f"A{label:03d}",
        ("train" if performer in TRAINING else "test") if split else None,
        medium_tracks(f"{DATASET}/{stem}", NTU_25, size, FPS, xy, _CONFIDENCE[state], z),
        subject=f"{DATASET}/P{performer:03d}",
        camera=f"C{view:03d}",
        source=f"{stem}.skeleton",
    )


def _pixels(
    values: NDArray[np.float64], picture: Picture, camera: VirtualCamera
) -> tuple[NDArray[np.floating], NDArray[np.floating] | None, tuple[int, int]]:
    if picture == "virtual":
        metres = np.where((values[..., 11:] > 0), values[..., :3], np.nan)
        return *camera.see(metres), (camera.width_px, camera.height_px)
    columns, size = _PICTURES[picture]
    return values[..., columns], None, size


def _values(lines: Ordered[str]) -> NDArray[np.float64]:
    """(bodies, frames, 25, 12), in the order in which bodies come; NaN where a body is not there."""
    at = iter(line for line in lines if line.strip())
    frames = int(next(at))
    bodies: dict[str, dict[int, NDArray[np.float64]]] = {}
    for frame in range(frames):
        for _ in range(int(next(at))):
            body = next(at).split()[0]
            bodies.setdefault(body, {})[frame] = _body(at)
    if next(at, None) is not None:
        raise ValueError(f"there is more than its {frames} frames")
    values = np.full((len(bodies), frames, len(NTU_25), _COLUMNS), np.nan)
    for person, seen in enumerate(bodies.values()):
        for frame, body_values in seen.items():
            values[person, frame] = body_values
    return values


def _body(at: Iterator[str]) -> NDArray[np.float64]:
    number = int(next(at))
    if number != len(NTU_25):
        raise ValueError(f"expected {len(NTU_25)} keypoints, came {number}")
    rows = np.array([next(at).split() for _ in range(number)], np.float64)
    if rows.shape != (number, _COLUMNS):
        raise ValueError(f"expected {_COLUMNS} numbers a keypoint, came {rows.shape[1]}")
    return rows


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.skeleton")) if path.is_dir() else [path] if path.suffix == ".skeleton" else []
