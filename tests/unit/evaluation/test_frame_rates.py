"""A person on a straight line, seen by cameras of other frame rates: where they are is known at every moment."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_tracks import made_up
from posemill.evaluation.robustness.frame_rates import at_rate, without_frames
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks, PoseTrack, State

SPEED = np.array([30.0, -8.0])  # px a second


def line(fps: float = 24.0, frames: int = 49, lost: tuple[int, int] = (0, 0)) -> MediumTracks:
    """Keypoint k starts at (100 + k, 300); the frames of `lost` are missing."""
    frame = np.array([f for f in range(frames) if not lost[0] <= f < lost[1]], np.int32)
    start = np.stack([100.0 + np.arange(len(BODY_12)), np.full(len(BODY_12), 300.0)], 1)
    xy = (start + (frame / fps)[:, None, None] * SPEED).astype(np.float32)
    track = PoseTrack(
        BODY_12, 0, frame, frame / fps, xy, np.full(xy.shape[:2], 0.5, np.float32), np.zeros(len(frame), np.uint8)
    )
    return MediumTracks("ab" * 32, "finder", BODY_12, 640, 480, frames, frames / fps, (track,))


def first(tracks: MediumTracks) -> PoseTrack:
    return tracks.tracks[0]


@pytest.mark.parametrize("fps", [10.0, 15.0, 24.0, 30.0, 60.0])
def test_people_are_where_they_were(fps: float) -> None:
    seen = first(at_rate(fps)(line()))
    np.testing.assert_allclose(seen.xy[:, 0], [100, 300] + seen.time_s[:, None] * SPEED, atol=1e-3)
    assert len(seen) == 1 + round(2 * fps)
    assert np.diff(seen.time_s).mean() == pytest.approx(1 / fps, rel=0.03)


def test_the_same_rate_changes_nothing() -> None:
    before, after = first(line()), first(at_rate(24.0)(line()))
    for name in ("frame", "time_s", "xy", "confidence", "state"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_the_rate_of_broadcasting_counts_as_a_whole_one() -> None:
    before = line(30_000 / 1001, frames=300, lost=(40, 60))
    np.testing.assert_array_equal(first(at_rate(30.0)(before)).frame, first(before).frame)


def test_a_slower_camera_saw_some_of_the_same_pictures() -> None:
    """Nothing is averaged: noise stays as large as it is."""
    before, after = first(line()), first(at_rate(10.0)(line()))
    assert set(after.frame) < set(before.frame)
    np.testing.assert_array_equal(after.xy, before.xy[np.isin(before.frame, after.frame)])


def test_a_faster_camera_invents_nobody_who_was_lost() -> None:
    after = first(at_rate(60.0)(line(lost=(12, 24))))
    assert not ((after.time_s > 11.01 / 24) & (after.time_s < 23.99 / 24)).any()
    assert (after.time_s < 0.4).sum() == 24


def test_half_seen_poses_stay_half_seen() -> None:
    tracks = line(frames=3)
    xy, confidence = first(tracks).xy.copy(), first(tracks).confidence.copy()
    xy[1, 5], confidence[1, 5] = np.nan, 0
    hidden = replace(tracks, tracks=(replace(first(tracks), xy=xy, confidence=confidence),))
    after = first(at_rate(48.0)(hidden))
    assert np.isnan(after.xy[:, 5, 0]).tolist() == [False, True, True, True, False]
    assert not np.isnan(after.xy[:, 4]).any()


def test_between_a_found_and_an_interpolated_pose_is_an_interpolated_one() -> None:
    tracks = line(frames=3)
    state = np.array([State.PREDICTED, State.INTERPOLATED, State.PREDICTED], np.uint8)
    after = first(at_rate(48.0)(replace(tracks, tracks=(replace(first(tracks), state=state),))))
    assert after.state.tolist() == [0, 1, 1, 1, 0]


def test_lost_frames_are_lost_for_everybody_and_always_the_same() -> None:
    tracks = made_up(3, people=3, frames=200)
    first_time, again = (without_frames(0.3)(tracks) for _ in range(2))
    kept: set[int] = set()
    for before, after, same in zip(tracks.tracks, first_time.tracks, again.tracks, strict=True):
        assert set(after.frame) <= set(before.frame)
        np.testing.assert_array_equal(after.frame, same.frame)
        np.testing.assert_array_equal(after.xy, before.xy[np.isin(before.frame, after.frame)])
        kept |= set(after.frame.tolist())
    for before, after in zip(tracks.tracks, first_time.tracks, strict=True):
        assert set(before.frame) & kept == set(after.frame)
    assert len(kept) / 200 == pytest.approx(0.7, abs=0.1)


def test_no_frame_lost_is_the_same_and_nobody_is_no_fault() -> None:
    tracks = made_up(4)
    np.testing.assert_array_equal(first(without_frames(0.0)(tracks)).frame, first(tracks).frame)
    assert without_frames(0.5)(replace(tracks, tracks=())).tracks == ()


@given(seed=st.integers(0, 10_000), fps=st.sampled_from([5.0, 10.0, 15.0, 25.0, 30.0, 60.0, 120.0]))
def test_any_track_stays_a_valid_one_within_its_time(seed: int, fps: float) -> None:
    tracks = made_up(seed, people=2, frames=14, points=BODY_12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = at_rate(fps)(tracks)  # PoseTrack checks itself
    for a, b in zip(after.tracks, tracks.tracks, strict=True):
        assert a.time_s[0] >= b.time_s[0] - 1e-9
        assert a.time_s[-1] <= b.time_s[-1] + 1e-9
        assert np.nanmin(a.xy) >= np.nanmin(b.xy) - 1e-3
        assert np.nanmax(a.xy) <= np.nanmax(b.xy) + 1e-3
