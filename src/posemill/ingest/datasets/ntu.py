"""NTU RGB+D's skeleton files: text, one a clip, 25 keypoints of Kinect in metres and in two pictures.

A name such as S001C002P003R002A013 says setup, camera, performer, repetition and activity. Of the places one is taken:
`colour` and `depth` are Kinect's own projections into its two cameras' pictures, `virtual` projects the metres anew, or
keeps their depth where its camera says so. What Kinect did not track is unseen, what it inferred is half as sure as
what it tracked.

Left and right are exchanged in Kinect's own pictures, which are mirrored: there the keypoint that Kinect names left is
where a picture shows somebody's right. In metres its x grows to the sensor's left, which the virtual camera knows
([decision 16](docs/decisions/0016-left-and-right-of-imported-skeletons.md)).

Kinect gives a body that it lost and found again another number: pieces that continue each other are one body.

The official split is by performer (xsub), camera (xview) or set-up (xset); the last two have everybody on both sides.
30 frames per second, as Kinect records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ordered
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.ingest.projection import VirtualCamera
from posemill.ingest.protocol import SplitBy
from posemill.ingest.sequence import Fault, Sequence, SequenceStream, medium_tracks
from posemill.pose.skeleton import NTU_25
from posemill.pose.units import check_metres
from posemill.pose.unseen import not_found
from posemill.text_file import read_text
from posemill.untrusted import untrusted, untrusted_stream

DATASET = "ntu-rgbd"
FPS = 30.0
Picture = Literal["colour", "depth", "virtual"]
_PICTURES = {"depth": (slice(3, 5), (512, 424)), "colour": (slice(5, 7), (1920, 1080))}
_COLUMNS = 12  # x y z, depth x y, colour x y, orientation w x y z, tracking state
_CONFIDENCE = np.array([0.0, 0.5, 1.0])  # not tracked, inferred, tracked
NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_PERFORMERS = (
    "1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38 45 46 47 49 50 52 53 54 55 56 57 58 59 70 74 78 80 81 82 83 "
    "84 85 86 89 91 92 93 94 95 97 98 100 103"
)
TRAINING = frozenset(map(int, _PERFORMERS.split()))  # of the cross-subject protocol
TEST_CAMERA = 1  # of the cross-view protocol; cameras 2 and 3 are for training
Protocol = Literal["xsub", "xview", "xset", "none"]
SPLIT_BY: Mapping[str, SplitBy] = {"xsub": "subject", "xview": "camera", "xset": "setup", "none": "subject"}
GAP_FRAMES = 30  # after which a body that Kinect found again may still be the one that it lost
REACH_M = 0.5  # and so far from where it was lost, at most


def count(path: Path) -> int:
    """Number of files, for a progress bar."""
    return len(_files(path))


@untrusted_stream
def sequences(
    path: Path,
    *,
    picture: Picture = "colour",
    camera: VirtualCamera | None = None,
    classes: Ordered[str] | None = None,
    split: Protocol = "xsub",
) -> SequenceStream:
    """Read every .skeleton file under a folder.

    classes  names of A001, A002 ...; without them the code is the activity.
    split    the official protocol: xsub (by performer), xview (by camera), xset (by set-up), none.

    Errors: InputError when there is no such file.
    """
    files = _files(path)
    if not files:
        raise InputError(f"{path} holds no NTU RGB+D skeletons: expected files such as S001C001P001R001A001.skeleton")
    for file in files:
        try:
            with untrusted(file.name, passing=(OSError,)):
                sequence = parse(
                    file.name, read_text(file), picture=picture, camera=camera, classes=classes, split=split
                )
        except (InputError, OSError) as exc:
            yield Fault(file.name, str(exc))
        else:
            yield sequence


def parse(
    name: str,
    content: str,
    *,
    picture: Picture = "colour",
    camera: VirtualCamera | None = None,
    classes: Ordered[str] | None = None,
    split: Protocol = "xsub",
) -> Sequence:
    """Parse one skeleton file. Errors: InputError with the name and what is wrong with it."""
    stem = name.removesuffix(".skeleton")
    match = NAME.fullmatch(stem)
    if match is None:
        raise InputError(f"{name} is no name of NTU RGB+D: expected one such as S001C001P001R001A001.skeleton")
    setup, view, performer, _, label = (int(number) for number in match.groups())
    if classes is not None and not 0 < label <= len(classes):
        raise InputError(f"{name}: unknown class A{label:03d}: there are {len(classes)}")
    try:
        values = _values(content.split("\n"))
    except (ValueError, StopIteration, IndexError) as exc:
        raise InputError(f"{name} is no skeleton file, or cut short: {str(exc) or 'it ends too early'}") from exc
    values = joined(values)
    xy, z, size = _pixels(name, values, picture, camera or VirtualCamera())
    if picture != "virtual":
        xy, values = xy[:, :, NTU_25.flip_index], values[:, :, NTU_25.flip_index]  # Kinect's pictures are mirrored
    state = np.nan_to_num(values[..., 11]).astype(int).clip(0, 2)
    xy = np.where((state > 0)[..., None] & np.isfinite(xy).all(-1, keepdims=True), xy, np.nan)
    return Sequence(
        stem,
        classes[label - 1] if classes is not None else f"A{label:03d}",
        side(setup, view, performer, split),
        medium_tracks(f"{DATASET}/{stem}", NTU_25, size, FPS, xy, _CONFIDENCE[state], z),
        subject=f"{DATASET}/P{performer:03d}",
        camera=f"C{view:03d}",
        source=f"{stem}.skeleton",
    )


def side(setup: int, view: int, performer: int, protocol: Protocol) -> str | None:
    """Return `train` or `test` by the official protocol; None without one.

    Examples:
        >>> side(1, 1, 1, "xsub"), side(1, 1, 1, "xview"), side(1, 1, 1, "xset")
        ('train', 'test', 'test')
    """
    if protocol == "none":
        return None
    training = {"xsub": performer in TRAINING, "xview": view != TEST_CAMERA, "xset": setup % 2 == 0}
    return "train" if training[protocol] else "test"


def joined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join bodies that continue each other: (M, T, 25, 12), with NaN where a body is not there, to fewer of them.

    Two are one where they are never there together, and wherever one follows the other it begins at most GAP_FRAMES
    after it and at most REACH_M away (median over the keypoints, in metres). The nearest pair is joined first.
    """
    bodies = list(values)
    while pair := _nearest(bodies):
        first, second = pair
        bodies[first] = np.where(_there(bodies[second])[:, None, None], bodies[second], bodies[first])
        del bodies[second]
    return np.stack(bodies) if bodies else values


def _nearest(bodies: Ordered[NDArray[np.float64]]) -> tuple[int, int] | None:
    """Positions of the two bodies that lie nearest where they follow each other; None where none do."""
    steps = {
        (first, second): step
        for first, second in combinations(range(len(bodies)), 2)
        if (step := _largest_step(bodies[first], bodies[second])) is not None
    }
    return min(steps, key=lambda pair: steps[pair]) if steps else None


def _largest_step(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Metres between the two where they follow each other; None where they cannot be one body."""
    there = np.stack([_there(first), _there(second)])
    if there.all(0).any() or not there.any(1).all():
        return None
    frames = np.flatnonzero(there.any(0))
    owner = there[1, frames]
    changes = np.flatnonzero(owner[1:] != owner[:-1])
    if (frames[changes + 1] - frames[changes] > GAP_FRAMES).any():
        return None
    both = np.where(there[0][:, None, None], first, second)[..., :3]
    moved = np.linalg.norm(both[frames[changes + 1]] - both[frames[changes]], axis=-1)
    largest = float(np.nanmedian(moved, axis=-1).max())
    return largest if largest <= REACH_M else None


def _there(body: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(T,) frames in which a body (T, 25, 12) is there."""
    return np.asarray(~np.isnan(body[..., :3]).all((1, 2)))


def _pixels(
    name: str, values: NDArray[np.float64], picture: Picture, camera: VirtualCamera
) -> tuple[NDArray[np.floating], NDArray[np.floating] | None, tuple[int, int]]:
    if picture == "virtual":
        metres = np.where((values[..., 11:] > 0) & ~not_found(values[..., :3])[..., None], values[..., :3], np.nan)
        check_metres(name, metres, any_unit=camera.depth == "keep")
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
