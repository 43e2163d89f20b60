"""A model that reads z, in a layout of its own: packaged, loaded and asked for a track as the service does it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moving_bodies import ACTIVITIES, FPS, body
from posemill.errors import InputError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.models import NetworkCard, build
from posemill.packaging.assemble import assemble
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack
from posemill.prediction.model import ActivityModel
from posemill.serving.arrays import track_of, windows_array, with_nulls
from posemill.serving.schemas.activity import TrackRequest

OWN = Skeleton(
    "own-3",
    ("pelvis", "left_hand", "right_hand"),
    (("pelvis", "left_hand"), ("pelvis", "right_hand")),
    (("left_hand", "right_hand"),),
    (0.1,) * 3,
)
SPEC = WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0)


def track(subject: int, activity: str) -> PoseTrack:
    xyz = (body(OWN, subject, activity) * 100).astype(np.float32)
    frame = np.arange(len(xyz), dtype=np.int32)
    return PoseTrack(
        OWN,
        0,
        frame,
        frame / FPS,
        xyz[..., :2].copy(),
        np.ones(xyz.shape[:2], np.float32),
        np.zeros(len(xyz), np.uint8),
        xyz[..., 2].copy(),
    )


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> ActivityModel:
    folder = tmp_path_factory.mktemp("package")
    raw = FeaturePipeline(OWN, SPEC, coordinates=3)
    windows = np.concatenate([raw.windows(track(s, a))[0] for s in range(2) for a in ACTIVITIES])
    torch.manual_seed(0)
    hyper = {"width": 8, "dilations": [1], "coordinates": 3}
    network = build("tcn", OWN, len(ACTIVITIES), **hyper).eval()
    card = NetworkCard("tcn", hyper, OWN.name, ACTIVITIES, SPEC.frames)
    assert assemble(folder, network, card, raw.fit(windows), windows, 1.0, {}, {}) < 1e-4
    return ActivityModel.load(folder)


def test_a_track_with_z_is_answered_and_z_matters(predictor: ActivityModel) -> None:
    predictor.warm()
    asked = track(5, "swing_ahead")
    _, windows, said = predictor.window_probabilities(asked)
    assert (predictor.features.skeleton, windows.shape[1:]) == (OWN, (12, 3, 4))
    assert asked.z is not None
    _, _, flattened = predictor.window_probabilities(replace(asked, z=np.zeros_like(asked.z)))
    assert np.abs(said - flattened).max() > 1e-4
    with pytest.raises(InputError, match="the track has x and y only: give its z"):
        predictor.window_probabilities(replace(asked, z=None))


def test_a_request_carries_z(predictor: ActivityModel) -> None:
    asked = track(5, "swing_up")
    assert asked.z is not None
    fields = {"keypoints": list(OWN.keypoints), "time_s": asked.time_s.tolist(), "xy": with_nulls(asked.xy)}
    fields["z"] = with_nulls(asked.z)
    came = track_of(TrackRequest.model_validate(json.loads(json.dumps(fields))))
    np.testing.assert_array_equal(predictor.window_probabilities(came)[2], predictor.window_probabilities(asked)[2])
    with pytest.raises(InputError, match=r"z should be \(45, 3\) numbers"):
        track_of(TrackRequest.model_validate(fields | {"z": [[1.0]]}))
    windows = with_nulls(predictor.features.windows(asked)[0])
    np.testing.assert_array_equal(windows_array(windows, 12, OWN, 4), predictor.features.windows(asked)[0])
    windows[0][0][0][3] = None
    with pytest.raises(InputError, match="z where it has x and y"):
        windows_array(windows, 12, OWN, 4)
    with pytest.raises(InputError, match=r"windows should be \(N, 12, 3, 4\)"):
        windows_array(np.zeros((1, 12, 3, 3), np.float32), 12, OWN, 4)


def test_the_file_says_what_it_takes(tmp_path: Path, predictor: ActivityModel) -> None:
    predictor.features.save(Path(tmp_path / "features.json"))
    fields = json.loads((tmp_path / "features.json").read_text())
    assert fields["coordinates"] == 3
    assert fields["skeleton"]["edges"] == [["pelvis", "left_hand"], ["pelvis", "right_hand"]]
