"""A track that exists is valid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posemill.errors import SkeletonError
from posemill.pose.skeleton import BODY_12, COCO_17, PENN_13
from posemill.pose.track import MediumTracks, PoseTrack


def track(t: int = 4, **changes: Any) -> PoseTrack:
    arrays: dict[str, Any] = {
        "frame": np.arange(t, dtype=np.int32),
        "time_s": np.arange(t) / 10,
        "xy": np.arange(t * 34, dtype=np.float32).reshape(t, 17, 2),
        "confidence": np.full((t, 17), 0.5, np.float32),
        "state": np.zeros(t, np.uint8),
    }
    return PoseTrack(COCO_17, 0, **(arrays | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"xy": np.zeros((4, 16, 2), np.float32)},
        {"xy": np.zeros((4, 17, 2))},
        {"time_s": np.array([0, 0.1, 0.1, 0.2])},
        {"time_s": np.array([0, 0.1, np.nan, 0.2])},
        {"frame": np.array([0, 1, 1, 2], np.int32)},
        {"confidence": np.full((4, 17), 1.5, np.float32)},
        {"confidence": np.full((4, 17), np.nan, np.float32)},
        {"xy": np.full((4, 17, 2), np.nan, np.float32)},
        {"xy": np.full((4, 17, 2), np.inf, np.float32)},
    ],
    ids=[
        "keypoints",
        "dtype",
        "time repeats",
        "time NaN",
        "frame repeats",
        "confidence > 1",
        "confidence NaN",
        "confident but unseen",
        "infinite",
    ],
)
def test_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(SkeletonError, match="person 0"):
        track(**changes)


def test_half_seen_keypoint_is_refused() -> None:
    xy = np.zeros((4, 17, 2), np.float32)
    xy[1, 2, 0] = np.nan
    with pytest.raises(SkeletonError, match="both"):
        track(xy=xy)


def test_to_keeps_the_named_keypoints() -> None:
    whole = track()
    body = whole.to(BODY_12)
    assert (body.xy[:, BODY_12.index("left_knee")] == whole.xy[:, COCO_17.index("left_knee")]).all()
    with pytest.raises(SkeletonError, match="head"):
        whole.to(PENN_13)


def test_between_is_half_open() -> None:
    assert track().between(0.1, 0.3).frame.tolist() == [1, 2]


def test_a_medium_has_one_skeleton_and_unique_persons() -> None:
    with pytest.raises(SkeletonError, match="same person"):
        MediumTracks("d", "l", COCO_17, 10, 10, 4, 0.4, (track(), track()))
    with pytest.raises(SkeletonError, match="body-12"):
        MediumTracks("d", "l", BODY_12, 10, 10, 4, 0.4, (track(),))
