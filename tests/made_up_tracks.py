"""Random tracks for round trips through formats."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.pose.skeleton import COCO_17, Skeleton
from posemill.pose.track import MediumTracks, PoseTrack

FPS = 25.0


def made_up(
    seed: int, people: int = 2, frames: int = 12, points: Skeleton = COCO_17, unseen: float = 0.2, states: int = 3
) -> MediumTracks:
    """Random tracks with gaps (everybody is in the first frame) and unseen keypoints."""
    rng = np.random.default_rng(seed)
    tracks = []
    for person in range(people):
        frame = np.flatnonzero((rng.random(frames) < 0.8) | (np.arange(frames) == 0)).astype(np.int32)
        xy = rng.uniform(1, 300, (len(frame), len(points), 2)).astype(np.float32).round(2)
        confidence = rng.uniform(0.02, 1, (len(frame), len(points))).astype(np.float32).round(3)
        hidden = rng.random(xy.shape[:2]) < unseen
        xy[hidden], confidence[hidden] = np.nan, 0
        state = rng.integers(0, states, len(frame)).astype(np.uint8)
        tracks.append(PoseTrack(points, person, frame, frame / FPS, xy, confidence, state))
    return MediumTracks(f"{seed:064x}", "finder-1", points, 320, 240, frames, frames / FPS, tuple(tracks))


def assert_same(came: MediumTracks, went: MediumTracks, *, states: bool = True, xy: float = 2e-3, sure: float = 2e-3):
    for name in ("medium", "skeleton", "width_px", "height_px", "frames"):
        assert getattr(came, name) == getattr(went, name), name
    assert came.duration_s == pytest.approx(went.duration_s)
    assert [t.person for t in came.tracks] == [t.person for t in went.tracks]
    for a, b in zip(came.tracks, went.tracks, strict=True):
        np.testing.assert_array_equal(a.frame, b.frame)
        np.testing.assert_allclose(a.time_s, b.time_s, atol=1e-9)
        np.testing.assert_allclose(a.xy, b.xy, atol=xy)
        np.testing.assert_allclose(a.confidence, b.confidence, atol=sure)
        if states:
            np.testing.assert_array_equal(a.state, b.state)
