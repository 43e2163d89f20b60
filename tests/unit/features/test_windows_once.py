"""A track is cut once: windows and their spans are to the bit what cutting, and cutting again for the spans, gave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from made_up_tracks import made_up
from posemill.errors import InputError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.clip_windows import clip_windows
from posemill.features.main_subject import main_subject
from posemill.pose.gaps import found_only
from posemill.pose.geometry import seen
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack
from posemill.pose.window import cut

SPECS = (
    WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=20.0),
    WindowSpec(duration_s=0.8, stride_s=0.3, rate_hz=12.0, scales=(0.5, 1.0, 2.0), smooth_s=0.1, min_seen=0.8),
    WindowSpec(sampling="clip", clip_frames=16, gap_s=0.1, smooth_s=0.05, smoothing="kalman"),
)


def cut_twice(
    pipeline: FeaturePipeline, track: PoseTrack, start_s: float | None, end_s: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Windows and spans as they were cut one after the other, written out."""
    out = []
    for part in range(2):
        own = found_only(track.to(pipeline.skeleton))
        if len(own) == 0:
            out.append((np.zeros((0, *pipeline.shape), np.float32), np.zeros((0, 2)))[part])
            continue
        step = float(np.median(np.diff(own.time_s))) if len(own) > 1 else 0.0
        start = own.time_s[0] if start_s is None or np.isnan(start_s) else start_s
        end = own.time_s[-1] + step if end_s is None or np.isnan(end_s) else end_s
        spans = pipeline.window.spans(float(start), float(end))
        inside = np.clip(spans, start, end)
        own = own if np.array_equal(inside, spans) else own.between(float(start), float(end))
        if not len(spans) or not len(own):
            out.append((np.zeros((0, *pipeline.shape), np.float32), np.zeros((0, 2)))[part])
            continue
        windows = cut(own, spans, pipeline.window, pipeline.coordinates)
        needed = pipeline.window.min_seen * (inside[:, 1] - inside[:, 0]) / (spans[:, 1] - spans[:, 0])
        keep = seen(windows[..., :2]).any(-1).mean(-1) >= needed - 1e-9
        out.append((windows[keep], inside[keep])[part])
    return out[0], out[1]


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 90),
    spec=st.sampled_from(SPECS),
    unseen=st.sampled_from([0.0, 0.2, 0.95]),
    start_s=st.sampled_from([None, float("nan"), 0.0, 0.7]),
    end_s=st.sampled_from([None, float("nan"), 1.1, 9.0]),
)
def test_windows_and_spans_are_those_of_cutting_twice(
    seed: int, frames: int, spec: WindowSpec, unseen: float, start_s: float | None, end_s: float | None
) -> None:
    pipeline = FeaturePipeline(BODY_12, spec)
    track = made_up(seed, people=1, frames=frames, points=COCO_17, unseen=unseen).tracks[0]
    windows, spans = pipeline.windows(track, start_s, end_s)
    wanted_windows, wanted_spans = cut_twice(pipeline, track, start_s, end_s)
    np.testing.assert_array_equal(windows, wanted_windows)
    np.testing.assert_array_equal(spans, wanted_spans)
    assert windows.dtype == wanted_windows.dtype
    assert len(windows) == len(spans)


@given(seed=st.integers(0, 10_000), start_s=st.sampled_from([0.0, 0.4]), end_s=st.sampled_from([float("nan"), 2.0]))
def test_a_clip_is_cut_as_its_main_subject_is(seed: int, start_s: float, end_s: float) -> None:
    tracks = made_up(seed, people=2, frames=60, points=BODY_12)
    pipeline = FeaturePipeline(BODY_12, SPECS[0])
    clip, subject = clip_windows(pipeline, tracks, start_s, end_s), main_subject(tracks, start_s, end_s)
    assert (clip is None) == (subject is None)
    if clip is not None and subject is not None:
        windows, spans = cut_twice(pipeline, subject, start_s, end_s if end_s == end_s else tracks.duration_s)
        np.testing.assert_array_equal(clip.windows, windows)
        np.testing.assert_array_equal(clip.spans, spans)


def test_a_short_track_is_seen_at_its_own_speed_in_the_middle_of_its_window() -> None:
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=2.0, rate_hz=25.0))
    track = made_up(0, people=1, frames=75, points=BODY_12, unseen=0.0, states=1).tracks[0]
    whole, _ = pipeline.windows_at(track, np.array([[0.5, 2.5]]))
    windows, spans = pipeline.windows(track, 1.2, 1.8)
    np.testing.assert_allclose(spans, [[1.2, 1.8]])
    shown = seen(windows[0, ..., :2]).any(-1)
    assert 15 <= shown.sum() <= 17  # of 15 poses, and held for a step at both ends
    inner = np.flatnonzero(shown)[2:-2]
    np.testing.assert_allclose(windows[0, inner], whole[0, inner], atol=1e-3)


def test_z_is_asked_for_also_where_there_is_no_span() -> None:
    pipeline = FeaturePipeline(BODY_12, SPECS[0], coordinates=3)
    with pytest.raises(InputError, match="give its z"):
        pipeline.windows(made_up(0, people=1, points=BODY_12, states=1).tracks[0], 0.0, 0.1)
