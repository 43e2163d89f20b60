"""OpenVINO on the edge answers as ONNX Runtime for every kind of window that is packaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.edge.model import open_classifier
from posemill.features import FeaturePipeline, WindowSpec
from posemill.models import NetworkCard, build
from posemill.packaging.assemble import assemble
from posemill.pose.skeleton import BLAZEPOSE_33, BODY_12, COCO_17, Skeleton
from posemill.pose.track import PoseTrack
from posemill.prediction.golden import GoldenTrack, answer, compare, question
from posemill.prediction.model import ActivityModel

SECOND = WindowSpec(duration_s=1.0, rate_hz=12.0)
KINDS = {
    "scales, kalman": (
        COCO_17,
        WindowSpec(duration_s=1.0, rate_hz=12, scales=(1, 2), smooth_s=0.1, smoothing="kalman"),
        2,
    ),
    "z, one euro": (BLAZEPOSE_33, WindowSpec(duration_s=1.0, rate_hz=12, smooth_s=0.1, smoothing="one_euro"), 3),
    "still": (BODY_12, WindowSpec(sampling="still", duration_s=1.0, clip_frames=12), 2),
    "whole clips, butterworth": (COCO_17, WindowSpec("clip", clip_frames=24, smooth_s=0.1, smoothing="butterworth"), 2),
}


def a_track(skeleton: Skeleton, seed: int, depth: bool) -> PoseTrack:
    rng = np.random.default_rng(seed)
    count, t = len(skeleton), np.arange(75) / 25
    xy = (rng.uniform(100, 300, (count, 2)) + np.sin(t)[:, None, None] * rng.uniform(-40, 40, (count, 2))).astype("f4")
    xy[10:14, 2] = np.nan
    confidence = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
    z = np.where(np.isnan(xy[..., 0]), np.nan, rng.uniform(-20, 20, count)).astype(np.float32) if depth else None
    return PoseTrack(skeleton, 0, np.arange(75, dtype=np.int32), t, xy, confidence, np.zeros(75, np.uint8), z)


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_answers_alike(kind: str, tmp_path: Path) -> None:
    import torch

    skeleton, spec, coordinates = KINDS[kind]
    tracks = [a_track(skeleton, seed, coordinates == 3) for seed in range(4)]
    features = FeaturePipeline(skeleton, spec, coordinates=coordinates)
    windows = np.concatenate([features.windows(track)[0] for track in tracks])
    features = features.fit(windows)
    torch.manual_seed(1)
    network, hyper = build("tcn", skeleton, 3, width=16, dilations=(1, 2)).eval(), {"width": 16, "dilations": [1, 2]}
    card = NetworkCard("tcn", hyper, skeleton.name, ("a", "b", "c"), spec.frames)
    assemble(tmp_path, network, card, features, windows, 1.0, {}, {})
    model, edge = ActivityModel.load(tmp_path), open_classifier(tmp_path)
    clips = [answer(model, GoldenTrack(f"{n}", track, 640, 480)) for n, track in enumerate(tracks)]
    assert sum(len(clip.windows) for clip in clips) >= 4
    assert max(compare(clip, answer(edge, question(clip))) for clip in clips) < 1e-4
