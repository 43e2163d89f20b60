"""Windows with a third coordinate: centred, scaled, saved, augmented like the other two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moving_bodies import ACTIVITIES, body
from posemill.errors import InputError
from posemill.evaluation.robustness.perturbations import dropout, jitter
from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.augment import Augmentation
from posemill.features.augment.view import rotate_yaw
from posemill.features.labeller_noise import FittedNoise
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import KINECT_20
from posemill.training.fit import hyper_of

SPEC = WindowSpec(duration_s=1.0, rate_hz=24.0)


def windows() -> np.ndarray:
    """(9, 24, 20, 4): x, y, confidence, z of people in metres times 100, some keypoints unseen."""
    xyz = np.stack([body(KINECT_20, s, a, 24) for s in range(3) for a in ACTIVITIES]) * 100
    out = np.concatenate([xyz[..., :2], np.ones((*xyz.shape[:3], 1)), xyz[..., 2:]], -1)
    out[np.random.default_rng(0).random(out.shape[:3]) < 0.1] = (np.nan, np.nan, 0, np.nan)
    return out.astype(np.float32)


@pytest.fixture
def pipeline() -> FeaturePipeline:
    return FeaturePipeline(KINECT_20, SPEC, coordinates=3).fit(windows())


def test_place_and_size_in_space_do_not_matter(pipeline: FeaturePipeline) -> None:
    moved = windows()
    moved[..., [0, 1, 3]] = moved[..., [0, 1, 3]] * 3 + np.array([10, -300, 4000], np.float32)
    out = pipeline.transform(windows())
    assert out.shape == (9, 24, 20, 3)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(pipeline.transform(moved), out, atol=2e-3)
    assert abs(float(np.sqrt((out**2).mean())) - 1) < 0.05


def test_what_swings_in_depth_moves_in_the_third_channel(pipeline: FeaturePipeline) -> None:
    out = pipeline.transform(windows()).reshape(3, 3, 24, 20, 3)
    reach = np.ptp(out, axis=2)[:, :, KINECT_20.index("left_wrist")].mean(0)  # activity by axis
    assert reach.argmax(1).tolist() == [0, 1, 2]


def test_saved_and_loaded_it_does_the_same(pipeline: FeaturePipeline, tmp_path: Path) -> None:
    pipeline.save(tmp_path / "features.json")
    again = FeaturePipeline.load(tmp_path / "features.json")
    assert (again.coordinates, again.shape) == (3, (24, 20, 4))
    np.testing.assert_array_equal(again.transform(windows()), pipeline.transform(windows()))
    with pytest.raises(InputError, match=r"should be \(N, 24, 20, 4\)"):
        again.transform(windows()[..., :3])


def test_going_around_keeps_heights_and_distances() -> None:
    x = torch.randn(4, 6, 20, 3)
    out = rotate_yaw(x, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(out[..., 1], x[..., 1])
    assert (out - x).abs().max() > 0.1


def test_augmentation_changes_all_three_and_leaves_no_nan(pipeline: FeaturePipeline) -> None:
    x = torch.from_numpy(pipeline.transform(windows()))
    out = Augmentation(pipeline, AugmentParams(speed=0.3, frame_rate=0.5))(x, torch.Generator().manual_seed(0))
    assert out.shape == x.shape
    assert torch.isfinite(out).all()
    assert ((out - x).abs().amax((0, 1, 2)) > 0.1).all()
    still = AugmentParams(
        rotate_rad=0,
        yaw_rad=0,
        scale=0,
        shear=0,
        mirror=1,
        jitter=0,
        drift=0,
        jumps=0,
        drop_frames=0,
        drop_clip=0,
        drop_limb=0,
        swap_stretches=0,
        crop=1,
    )
    mirrored = Augmentation(pipeline, still)(x, torch.Generator().manual_seed(0))
    flip = torch.from_numpy(KINECT_20.flip_index)
    assert (mirrored - x[:, :, flip] * torch.tensor([-1.0, 1.0, 1.0])).abs().max() < 0.25  # uneven times


def test_errors_of_videos_are_not_put_on_depth(pipeline: FeaturePipeline) -> None:
    each = (0.01,) * len(KINECT_20)
    fitted = FittedNoise(KINECT_20.keypoints, 9, each, 0.1, each, 0.2, 0.1, each, 0.1, each, 0.1)
    with pytest.raises(InputError, match="which have no z"):
        Augmentation(pipeline, AugmentParams(noise="fitted"), fitted)


def test_the_noise_budget_reaches_depth() -> None:
    rng = np.random.default_rng(0)
    shaken, lost = windows(), windows()
    jitter(shaken, 0.05, KINECT_20, rng)
    moved = np.nanstd(shaken - windows(), axis=(0, 1, 2))
    assert moved[2] == 0
    assert moved[3] == pytest.approx(moved[0], rel=0.1)
    dropout(lost, 0.5, KINECT_20, rng)
    np.testing.assert_array_equal(np.isnan(lost[..., 3]), np.isnan(lost[..., 0]))


def test_a_network_reads_what_the_windows_have(pipeline: FeaturePipeline) -> None:
    flat = FeaturePipeline(KINECT_20, SPEC)
    assert hyper_of(TrainParams(network="linear"), pipeline) == {"coordinates": 3}
    assert hyper_of(TrainParams(hyper={"tcn": {"coordinates": 2, "width": 8}}), pipeline)["coordinates"] == 2
    assert hyper_of(TrainParams(network="linear"), flat) == {}
