"""Made-up motion of NTU RGB+D's shape, as PYSKL annotation files: for benchmarks of size, not of accuracy.

Every subject has a body and a pace of their own, every activity moves some keypoints in its own way, and every clip has
its own phase, place, size and noise. A clip has 60 to 100 poses (80 in the mean); every tenth one a second person, who
stands by.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.formats import unpickle
from posemill.pose.skeleton import COCO_17, NTU_25, Skeleton

FPS, SIZE = 30.0, (1080, 1920)
ACTIVITIES, SUBJECTS = 12, 106
PART = 2_500  # clips a file
SKELETONS = {len(skeleton): skeleton for skeleton in (COCO_17, NTU_25)}
_PLACES = {  # metres: x to the left side, y up
    "nose": (0, 1.62),
    "eye": (0.03, 1.66),
    "ear": (0.07, 1.64),
    "shoulder": (0.18, 1.42),
    "elbow": (0.22, 1.15),
    "wrist": (0.24, 0.92),
    "hand": (0.24, 0.85),
    "hand_tip": (0.24, 0.8),
    "thumb_tip": (0.2, 0.84),
    "hip": (0.1, 0.95),
    "knee": (0.11, 0.5),
    "ankle": (0.11, 0.1),
    "foot": (0.13, 0.03),
    "spine_base": (0, 1.0),
    "spine_mid": (0, 1.25),
    "spine_shoulder": (0, 1.45),
    "neck": (0, 1.5),
    "mid_neck": (0, 1.5),
    "head": (0, 1.65),
    "mid_head": (0, 1.65),
}
_REACH = {"elbow": 0.5, "wrist": 1.0, "hand": 1.1, "hand_tip": 1.2, "thumb_tip": 1.1, "knee": 0.4, "ankle": 0.6}


def activities() -> list[str]:
    """Return their names, in the order of labels."""
    return [f"activity_{number:02d}" for number in range(ACTIVITIES)]


def write_parts(folder: Path, first: int, count: int, keypoints: int, seed: int) -> Iterator[Path]:
    """Write the clips number `first` to `first + count`, PART a file, and classes.txt; yields a file when written.

    A clip is the same whatever else is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(activities()) + "\n")
    for start in range(first, first + count, PART):
        clips = range(start, min(start + PART, first + count))
        annotations = [annotation(number, SKELETONS[keypoints], seed) for number in clips]
        names = [str(a["frame_dir"]) for a in annotations]
        split = {
            "xsub_train": [name for name in names if subject_of(name) % 2],
            "xsub_val": [name for name in names if not subject_of(name) % 2],
        }
        path = folder / f"part-{start:07d}.pkl"
        path.write_bytes(unpickle.dumps({"split": split, "annotations": annotations}))
        yield path


def subject_of(name: str) -> int:
    """Return the performer's number in a clip's name."""
    return int(name.split("P")[1][:3])


def annotation(number: int, skeleton: Skeleton, seed: int) -> dict[str, object]:
    """Make one annotation of PYSKL's: keypoint [M, T, V, 2] pixels, keypoint_score [M, T, V]."""
    rng = np.random.default_rng([seed, number])
    activity, subject = number % ACTIVITIES, number // ACTIVITIES % SUBJECTS
    frames = int(rng.integers(60, 101))
    people = [_person(rng, skeleton, subject, activity, frames, seed)]
    if number % 10 == 0:
        people.append(_person(rng, skeleton, (subject + 1) % SUBJECTS, None, frames, seed))
    keypoint = np.stack(people).astype(np.float16)
    repetition = number // (ACTIVITIES * SUBJECTS)
    name = f"S{1 + repetition // 999:03d}C001P{subject + 1:03d}R{1 + repetition % 999:03d}A{activity + 1:03d}"
    return {
        "frame_dir": name,
        "label": activity,
        "img_shape": SIZE,
        "original_shape": SIZE,
        "total_frames": frames,
        "keypoint": keypoint,
        "keypoint_score": rng.uniform(0.4, 1, keypoint.shape[:3]).astype(np.float16),
    }


def _person(
    rng: np.random.Generator, skeleton: Skeleton, subject: int, activity: int | None, frames: int, seed: int
) -> NDArray[np.float64]:
    """(T, K, 2) pixels; without an activity somebody who only sways."""
    body = np.random.default_rng([seed, 1, subject])
    rest = np.array([_place(name) for name in skeleton.keypoints]) * body.uniform(0.85, 1.15)
    rest = rest + body.normal(0, 0.015, rest.shape)
    time_s = np.arange(frames)[:, None, None] / FPS
    sway = 0.02 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time_s + rng.uniform(0, 6, (1, len(rest), 2)))
    places = rest + sway
    if activity is not None:
        places = places + _motion(skeleton, activity, time_s * body.uniform(0.8, 1.2), rng, seed)
    scale, x_px = rng.uniform(280, 420), rng.uniform(500, 1400)
    picture = np.stack([x_px + scale * places[..., 0], 900 - scale * places[..., 1]], -1)
    return np.asarray(picture + rng.normal(0, 1.5, picture.shape))


def _motion(
    skeleton: Skeleton, activity: int, time_s: NDArray[np.float64], rng: np.random.Generator, seed: int
) -> NDArray[np.float64]:
    """(T, K, 2) metres: the limbs of one activity, at its pace, beginning anywhere in it."""
    kind = np.random.default_rng([seed, 2, activity])
    reach = np.array([_REACH.get(_part(name), 0.0) for name in skeleton.keypoints])
    side = np.array([{"left": 0, "right": 1}.get(name.split("_")[0], 2) for name in skeleton.keypoints])
    strength = kind.uniform(-0.35, 0.35, (3, 2)) * (kind.random((3, 2)) < 0.7)
    swing = strength[side] * reach[:, None] * rng.uniform(0.8, 1.2)
    angle = 2 * np.pi * kind.uniform(0.4, 1.5) * time_s + rng.uniform(0, 2 * np.pi) + kind.uniform(0, 6, (3, 2))[side]
    return np.asarray(swing * np.sin(angle))


def _part(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


def _place(name: str) -> tuple[float, float]:
    x, y = _PLACES[_part(name)]
    return (-x if name.startswith("right_") else x), y
