import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.errors import CheckpointError, InputError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack

SPEC = WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=20.0)


def waving(windows: int = 6, seed: int = 0) -> np.ndarray:
    """(N, 20, 12, 3) people who sway on circles, 100 to 200 px tall, some keypoints unseen."""
    random = np.random.default_rng(seed)
    pose = random.normal(0, 60, (windows, 1, 12, 2))
    phase = np.linspace(0, 2 * np.pi, 20)[None, :, None]
    circle = np.stack([np.cos(phase), np.sin(phase)], -1) * 20
    xy = 300 + pose + circle
    confidence = random.uniform(0.2, 1, (windows, 20, 12, 1))
    hidden = random.random((windows, 20, 12)) < 0.2
    out = np.concatenate([xy, confidence], -1)
    out[hidden] = (np.nan, np.nan, 0)
    return out.astype(np.float32)


@pytest.fixture
def fitted() -> FeaturePipeline:
    return FeaturePipeline(BODY_12, SPEC).fit(waving())


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-500, 500), y=st.floats(-500, 500), size=st.floats(0.2, 5))
def test_place_and_size_of_a_person_do_not_matter(x: float, y: float, size: float) -> None:
    fitted = FeaturePipeline(BODY_12, SPEC).fit(waving())
    windows = waving(3, seed=1)
    moved = windows.copy()
    moved[..., :2] = moved[..., :2] * size + np.array([x, y], np.float32)
    np.testing.assert_allclose(fitted.transform(moved), fitted.transform(windows), atol=2e-3)


def test_transform_leaves_no_nan_and_no_trace_of_confidence(fitted: FeaturePipeline) -> None:
    windows = waving()
    windows[0, :, 4] = (np.nan, np.nan, 0)
    windows[1] = (np.nan, np.nan, 0)
    out = fitted.transform(windows)
    assert out.shape == windows.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert not out[..., 2].any()


def test_train_windows_come_out_with_unit_size(fitted: FeaturePipeline) -> None:
    whole = waving()
    assert abs(float(np.sqrt((fitted.transform(whole)[..., :2] ** 2).mean())) - 1) < 0.05


def test_a_keypoint_never_seen_takes_its_place_in_the_mean_pose(fitted: FeaturePipeline) -> None:
    windows = waving()
    windows[:, :, 7] = (np.nan, np.nan, 0)
    out = fitted.transform(windows)
    assert fitted.mean_pose is not None
    np.testing.assert_allclose(
        out[:, :, 7, :2], np.broadcast_to(fitted.mean_pose[7] / fitted.spread, (6, 20, 2)), rtol=1e-5
    )


def test_a_track_of_another_skeleton_is_converted_by_name(fitted: FeaturePipeline) -> None:
    random = np.random.default_rng(3)
    xy = random.uniform(0, 300, (60, 17, 2)).astype(np.float32)
    track = PoseTrack(
        COCO_17,
        0,
        np.arange(60, dtype=np.int32),
        np.arange(60) / 20,
        xy,
        np.ones((60, 17), np.float32),
        np.zeros(60, np.uint8),
    )
    windows, spans = fitted.windows(track)
    assert spans[:, 0].tolist() == [0, 0.5, 1.0, 1.5, 2.0]
    assert spans.tolist() == [[s, s + 1] for s in spans[:, 0]]
    middle = (xy[:-1] + xy[1:]) / 2
    np.testing.assert_allclose(windows[0, :19, 0, :2], middle[:19, COCO_17.index("left_shoulder")], rtol=1e-4)


def test_a_person_hardly_seen_gives_no_window(fitted: FeaturePipeline) -> None:
    track = PoseTrack(
        BODY_12,
        0,
        np.arange(3, dtype=np.int32),
        np.array([0, 0.05, 0.1]),
        np.ones((3, 12, 2), np.float32),
        np.ones((3, 12), np.float32),
        np.zeros(3, np.uint8),
    )
    windows, spans = fitted.windows(track, 0.0, 5.0)
    assert windows.shape == (0, 20, 12, 3)
    assert spans[:, 0].shape == (0,)


def test_saved_and_loaded_it_does_the_same(fitted: FeaturePipeline, tmp_path: Path) -> None:
    fitted.save(tmp_path / "features.json")
    again = FeaturePipeline.load(tmp_path / "features.json")
    assert again.window == fitted.window
    assert again.skeleton == fitted.skeleton
    np.testing.assert_array_equal(again.transform(waving()), fitted.transform(waving()))


def test_a_file_of_another_format_is_refused(fitted: FeaturePipeline, tmp_path: Path) -> None:
    fields = fitted.to_json()
    (tmp_path / "old.json").write_text(json.dumps({**fields, "format": "posemill-features-0"}))
    with pytest.raises(CheckpointError, match="posemill-features-1"):
        FeaturePipeline.load(tmp_path / "old.json")
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not a features"):
        FeaturePipeline.load(tmp_path / "none.json")


def test_wrong_shapes_and_unfitted_use_are_refused(fitted: FeaturePipeline) -> None:
    with pytest.raises(InputError, match=r"came as \(6, 12, 20, 3\)"):
        fitted.transform(waving().swapaxes(1, 2))
    with pytest.raises(InputError, match="not fitted"):
        FeaturePipeline(BODY_12, SPEC).transform(waving())
    with pytest.raises(InputError, match="train windows"):
        FeaturePipeline(BODY_12, SPEC).fit(waving()[:0])


def test_a_window_takes_less_than_a_millisecond(fitted: FeaturePipeline) -> None:
    windows = np.tile(waving(), (50, 1, 1, 1))
    seconds = []
    for _ in range(3):
        started = time.process_time()
        fitted.transform(windows)
        seconds.append(time.process_time() - started)
    assert min(seconds) / len(windows) < 1e-3
