"""Gaps of a track in uniform motion, so that every filled value is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.pose.gaps import fill_gaps, fill_in_time, found_only
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import PoseTrack, State

FPS = 25.0
SPEED = np.array([40.0, -8.0])  # pixels a second


def places(time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    k = np.arange(12)[:, None]
    return (10.0 * k + SPEED * time_s[:, None, None]).astype(np.float32)


def moving(frames: list[int], confidence: list[float] | None = None) -> PoseTrack:
    frame = np.array(frames, np.int32)
    sure = np.array(confidence or [0.5] * len(frames), np.float32)[:, None] * np.ones((1, 12), np.float32)
    return PoseTrack(BODY_12, 3, frame, frame / FPS, places(frame / FPS), sure, np.zeros(len(frame), np.uint8))


def looked_at(frames: int, stride: int = 1) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    frame = np.arange(0, frames, stride, dtype=np.int32)
    return frame, frame / FPS


def test_a_short_gap_lies_on_the_line_and_is_marked_and_no_surer_than_its_ends() -> None:
    filled = fill_gaps(moving([0, 1, 5, 6], [0.9, 0.8, 0.3, 0.9]), *looked_at(10), 0.2)
    assert filled.frame.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert filled.state.tolist() == [0, 0, 1, 1, 1, 0, 0]
    np.testing.assert_allclose(filled.xy, places(filled.time_s), atol=1e-4)
    assert filled.confidence[:, 0] == pytest.approx([0.9, 0.8, 0.3, 0.3, 0.3, 0.3, 0.9])


def test_a_longer_gap_stays_open() -> None:
    track = moving([0, 1, 7, 8])
    assert fill_gaps(track, *looked_at(10), 0.2).frame.tolist() == track.frame.tolist()
    assert fill_gaps(track, *looked_at(10), 0.24).frame.tolist() == list(range(9))
    assert fill_gaps(track, *looked_at(10), 0.0) is track


def test_a_keypoint_that_one_end_lacks_is_not_invented() -> None:
    track = moving([0, 3])
    track.xy[1, 4], track.confidence[1, 4] = np.nan, 0
    filled = fill_gaps(track, *looked_at(4), 0.2)
    assert np.isnan(filled.xy[1:3, 4]).all()
    assert not filled.confidence[1:3, 4].any()
    assert np.isfinite(np.delete(filled.xy[1:3], 4, axis=1)).all()


def test_without_a_common_keypoint_there_is_no_row() -> None:
    track = moving([0, 3])
    track.xy[0, :6], track.confidence[0, :6] = np.nan, 0
    track.xy[1, 6:], track.confidence[1, 6:] = np.nan, 0
    assert fill_gaps(track, *looked_at(4), 0.2).frame.tolist() == [0, 3]


def test_with_a_stride_only_frames_that_were_looked_at_are_filled() -> None:
    assert fill_gaps(moving([0, 6]), *looked_at(10, 2), 0.3).frame.tolist() == [0, 2, 4, 6]


@given(gone=st.sets(st.integers(0, 39), max_size=38), max_gap_s=st.floats(0, 1))
def test_found_poses_are_never_changed(gone: set[int], max_gap_s: float) -> None:
    track = moving([n for n in range(40) if n not in gone])
    filled = fill_gaps(track, *looked_at(40), max_gap_s)
    again = found_only(filled)
    for name in ("frame", "time_s", "xy", "confidence", "state"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))
    widest = np.diff(filled.frame).max(initial=1)
    assert widest == 1 or widest / FPS > max_gap_s - 1e-6
    np.testing.assert_allclose(filled.xy, places(filled.time_s), atol=1e-3)
    assert set(filled.frame[filled.state == State.INTERPOLATED].tolist()) <= gone


def test_gaps_are_filled_linearly_and_held_at_the_ends() -> None:
    x = np.full((1, 6, 2, 2), np.nan, np.float32)
    x[0, 1, 0], x[0, 4, 0] = (0, 10), (3, 40)
    filled = fill_in_time(x)
    assert filled[0, :, 0, 0].tolist() == [0, 0, 1, 2, 3, 3]
    assert filled[0, :, 0, 1].tolist() == [10, 10, 20, 30, 40, 40]
    assert np.isnan(filled[0, :, 1]).all()
