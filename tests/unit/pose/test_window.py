import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import PoseTrack
from posemill.pose.window import WindowSpec, cut


def moving(fps: float, seconds: float, hidden: slice | None = None) -> PoseTrack:
    """Everybody's keypoint k at x = 10·k + 50 px/s · t, y = 7·k: uniform motion, so every value is known."""
    time_s = np.arange(round(fps * seconds)) / fps
    k = np.arange(12)
    xy = np.stack(np.broadcast_arrays(10 * k + 50 * time_s[:, None], 7.0 * k), -1).astype(np.float32)
    if hidden is not None:
        xy[hidden] = np.nan
    confidence = np.where(np.isnan(xy[..., 0]), 0, 0.5).astype(np.float32)
    return PoseTrack(
        BODY_12, 0, np.arange(len(time_s), dtype=np.int32), time_s, xy, confidence, np.zeros(len(time_s), np.uint8)
    )


@pytest.mark.parametrize("fps", [12.0, 24.0, 29.97, 60.0])
def test_uniform_motion_is_the_same_at_any_frame_rate(fps: float) -> None:
    spec = WindowSpec(duration_s=1.0, rate_hz=20.0)
    window = cut(moving(fps, 3.0), np.array([[0.5, 1.5]]), spec)[0]
    at_s = 0.5 + (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(window[:, 3, 0], 30 + 50 * at_s, atol=1e-3)
    np.testing.assert_allclose(window[:, 3, 1], 21, atol=1e-3)
    np.testing.assert_allclose(window[..., 2], 0.5)


def test_a_long_gap_is_unseen_and_a_short_one_is_interpolated() -> None:
    spec = WindowSpec(duration_s=2.0, rate_hz=30.0, gap_s=0.3)
    spans = np.array([[0.0, 2.0]])
    long = cut(moving(30, 2.0, slice(20, 40)), spans, spec)[0]
    short = cut(moving(30, 2.0, slice(20, 26)), spans, spec)[0]
    assert np.isnan(long[21:38, :, :2]).all()
    assert not long[21:38, :, 2].any()
    assert not np.isnan(short).any()
    np.testing.assert_allclose(short[23, 0, 0], 50 * (23.5 / 30), atol=1e-3)


def test_nothing_is_invented_before_the_first_and_after_the_last_sighting() -> None:
    window = cut(moving(30, 1.0), np.array([[-1.0, 2.0]]), WindowSpec(duration_s=3.0, rate_hz=10.0))[0]
    assert np.isnan(window[:9, :, 0]).all()
    assert not np.isnan(window[10:20, :, 0]).any()
    assert np.isnan(window[21:, :, 0]).all()


def test_smoothing_keeps_uniform_motion_and_calms_jitter() -> None:
    spec = WindowSpec(duration_s=1.0, rate_hz=20.0, smooth_s=0.1)
    steady = moving(30, 3.0)
    spans = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(cut(steady, spans, spec)[0, :, 0, 0], 50 * (1 + (np.arange(20) + 0.5) / 20), atol=1e-2)
    noise = np.random.default_rng(0).normal(0, 5, steady.xy.shape).astype(np.float32)
    shaky = PoseTrack(BODY_12, 0, steady.frame, steady.time_s, steady.xy + noise, steady.confidence, steady.state)
    rough = cut(shaky, spans, WindowSpec(duration_s=1.0, rate_hz=20.0)) - cut(steady, spans, spec)
    calm = cut(shaky, spans, spec) - cut(steady, spans, spec)
    assert calm.std() < 0.6 * rough.std()


@given(start=st.floats(0, 50), length=st.floats(0.01, 30), stride=st.floats(0.2, 3))
def test_spans_lie_in_the_stretch_and_cover_it(start: float, length: float, stride: float) -> None:
    spec = WindowSpec(duration_s=2.0, stride_s=min(stride, 2.0), scales=(0.5, 1, 2))
    spans = spec.spans(start, start + length)
    assert bool(len(spans)) == (length >= 0.1) or abs(length - 0.1) < 1e-5
    if len(spans) and length >= 1.0:  # of the shortest scale
        assert spans[:, 0].min() >= start - 1e-6
        assert spans[:, 1].max() <= start + length + 1e-6
        assert spans[:, 1].max() > start + length - stride - 1e-6
        assert len(np.unique(spans.round(9), axis=0)) == len(spans)
    elif len(spans):
        np.testing.assert_allclose(spans, [[start + length / 2 - 0.5, start + length / 2 + 0.5]], atol=1e-6)


def test_a_short_stretch_gives_one_window() -> None:
    assert WindowSpec(duration_s=2.0).spans(1.0, 2.5).tolist() == [[0.75, 2.75]]
    assert WindowSpec(duration_s=2.0).spans(1.0, 1.5).tolist() == [[0.25, 2.25]]
    assert WindowSpec(duration_s=2.0).spans(1.0, 1.1).tolist() == []
    assert WindowSpec(duration_s=1.0, scales=(1, 2)).spans(0.0, 1.5).tolist()[-1] == [0.0, 1.5]
    assert WindowSpec(sampling="clip").spans(1.0, 1.1).tolist() == [[1.0, 1.1]]


def test_the_end_of_a_stretch_is_not_lost() -> None:
    assert WindowSpec(duration_s=2.0, stride_s=1.0).spans(0.0, 4.7).tolist() == [[0, 2], [1, 3], [2, 4], [2.7, 4.7]]


@pytest.mark.parametrize("wrong", [{"duration_s": 0}, {"sampling": "frames"}, {"scales": ()}, {"rate_hz": 0.5}])
def test_impossible_windows_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="window"):
        WindowSpec(**wrong)  # type: ignore[arg-type]


def test_a_still_window_holds_the_median_pose() -> None:
    spec = WindowSpec(sampling="still", duration_s=1.0, stride_s=0.5, clip_frames=8)
    track = moving(25, 3.0)
    windows = cut(track, spec.spans(0.0, 3.0), spec)
    assert windows.shape == (5, 8, 12, 3)
    assert (windows == windows[:, :1]).all()
    np.testing.assert_allclose(windows[:, 0, 0, 0], 50 * np.array([0.48, 0.98, 1.48, 1.98, 2.48]), atol=1.1)


def test_a_single_pose_is_one_still_window() -> None:
    spec = WindowSpec(sampling="still", duration_s=1.0, clip_frames=8)
    track = moving(25, 3.0).rows(np.array([0]))
    for end_s in (0.0, 0.5, 1.0):
        windows = cut(track, spec.spans(0.0, end_s), spec)
        assert windows.shape[0] == 1
        np.testing.assert_array_equal(windows[0, 3, :, :2], track.xy[0])
    hidden = moving(25, 1.0, slice(0, 25))
    assert np.isnan(cut(hidden, spec.spans(0.0, 1.0), spec)[..., :2]).all()
