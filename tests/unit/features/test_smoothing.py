"""Smoothing is part of the saved features, and filled gaps are not part of the windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from posemill.features import FeaturePipeline, WindowSpec
from posemill.pose.gaps import fill_gaps
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import PoseTrack


def shaky(gone: slice = slice(0, 0)) -> PoseTrack:
    frame = np.delete(np.arange(90, dtype=np.int32), gone)
    xy = np.random.default_rng(0).normal(0, 4, (90, 12, 2)) + np.random.default_rng(1).uniform(0, 300, (1, 12, 2))
    xy = np.delete(xy + np.arange(90)[:, None, None], gone, axis=0).astype(np.float32)
    t = len(frame)
    return PoseTrack(BODY_12, 0, frame, frame / 30, xy, np.ones((t, 12), np.float32), np.zeros(t, np.uint8))


def test_serving_smooths_as_training_did(tmp_path: Path) -> None:
    spec = WindowSpec(duration_s=1.0, smooth_s=0.1, smoothing="kalman")
    trained = FeaturePipeline(BODY_12, spec)
    trained.save(tmp_path / "features.json")
    served = FeaturePipeline.load(tmp_path / "features.json")
    assert served.window.smoothing == "kalman"
    np.testing.assert_array_equal(served.windows(shaky())[0], trained.windows(shaky())[0])
    other = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, smooth_s=0.1))
    assert np.abs(other.windows(shaky())[0] - trained.windows(shaky())[0]).max() > 0.1


def test_features_saved_before_there_was_a_choice_are_gaussian(tmp_path: Path) -> None:
    fields = FeaturePipeline(BODY_12, WindowSpec(smooth_s=0.1)).to_json()
    del fields["window"]["smoothing"]
    (tmp_path / "features.json").write_text(json.dumps(fields))
    assert FeaturePipeline.load(tmp_path / "features.json").window == WindowSpec(smooth_s=0.1, smoothing="gaussian")


def test_filled_gaps_change_no_window() -> None:
    track = shaky(slice(40, 44))
    frame = np.arange(90, dtype=np.int32)
    filled = fill_gaps(track, frame, frame / 30, 0.2)
    assert len(filled) == len(track) + 4
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, smooth_s=0.1))
    np.testing.assert_array_equal(pipeline.windows(filled)[0], pipeline.windows(track)[0])
