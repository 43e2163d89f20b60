"""Small tables that pass every suite, and people whose keypoints are known, for the tests beside this file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks, PoseTrack

POSE = np.array(
    [
        [60, 50],
        [40, 50],
        [65, 75],
        [35, 75],
        [68, 98],
        [32, 98],
        [57, 100],
        [43, 100],
        [57, 140],
        [43, 140],
        [57, 180],
        [43, 180],
    ],
    np.float32,
)


def person(number: int = 0, poses: int = 30, fps: float = 10.0) -> PoseTrack:
    """Somebody who stands in a picture of 200×200 and sways by a pixel."""
    sway = np.sin(np.arange(poses))[:, None, None].astype(np.float32) * np.array([1, 0], np.float32)
    frame = np.arange(poses, dtype=np.int32)
    return PoseTrack(
        BODY_12,
        number,
        frame,
        frame / fps,
        POSE + sway,
        np.full((poses, 12), 0.8, np.float32),
        np.zeros(poses, np.uint8),
    )


def medium(name: str, *tracks: PoseTrack) -> MediumTracks:
    return MediumTracks(name, "test", BODY_12, 200, 200, 30, 3.0, tracks)


def dataset() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, list[MediumTracks]]:
    """Eight media with one clip each: two activities, four subjects. Returns media, clips, labelled, tracks."""
    names = [f"{n:064x}" for n in range(8)]
    media = pd.DataFrame(
        {
            "medium": names,
            "kind": "video",
            "dataset": "d",
            "source": "s",
            "width_px": 200,
            "height_px": 200,
            "fps": 10.0,
            "frames": 30,
            "duration_s": 3.0,
        }
    )
    clips = pd.DataFrame(
        {
            "clip": range(1, 9),
            "medium": names,
            "start_s": 0.0,
            "end_s": [np.nan] * 4 + [2.0] * 4,
            "activity": ["walk", "wave"] * 4,
            "subject": [f"s{n // 2}" for n in range(8)],
            "camera": None,
            "split": ["train"] * 6 + ["test"] * 2,
            "dataset": "d",
            "annotated_by": "me",
        }
    )
    labelled = pd.DataFrame(
        {
            "medium": names,
            "status": "labelled",
            "reason": None,
            "frames": 30,
            "persons": 1,
            "poses": 30,
            "shard": "x",
        }
    )
    return media, clips, labelled, [medium(name, person()) for name in names]


def good(suite: str) -> pd.DataFrame:
    """A table that passes `suite`, with every column that it judges."""
    return {"clips": _clips, "tracks": _tracks, "windows": _windows}[suite]()


def _clips() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip": range(1, 9),
            "medium_kind": "video",
            "medium_status": "labelled",
            "start_s": 0.0,
            "length_s": 3.0,
            "beyond_end_s": 0.0,
            "activity": ["walk", "wave"] * 4,
            "split": "train",
            "poses": 30.0,
            "subject": [f"s{n // 2}" for n in range(8)],
            "activity_clips": 4.0,
            "activity_share": 0.5,
            "subject_splits": 1.0,
            "rejected_share": 0.0,
        }
    )


def _tracks() -> pd.DataFrame:
    values: dict[str, Any] = {
        "medium": [f"m{n}" for n in range(8)],
        "person": 0,
        "poses": 30,
        "infinite": 0,
        "half_seen": 0,
        "confidence_min": 0.1,
        "confidence_max": 0.9,
        "confidence_unseen": 0.0,
        "time_step_s": 0.1,
        "frame_step": 1.0,
        "seen_keypoints": 12.0,
        "outside_share": 0.0,
        "bone_jump_share": 0.0,
        "bone_ratio": 1.0,
        "rejected_share": 0.0,
    }
    return pd.DataFrame(values)


def _windows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "window": range(12),
            "clip": [n // 2 for n in range(12)],
            "activity": ["walk", "walk", "wave", "wave"] * 3,
            "start_s": 0.0,
            "subject": [f"s{n // 4}" for n in range(12)],
            "split": ["train"] * 4 + ["validation"] * 4 + ["test"] * 4,
            "subject_splits": 1.0,
            "clip_splits": 1.0,
            "activity_train_windows": 2.0,
            "activity_test_windows": 2.0,
        }
    )


def noise(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
