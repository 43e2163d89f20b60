import numpy as np
import pytest
import torch

from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.augment.augmentation import Augmentation, branches
from posemill.features.augment.keypoint_noise import estimator_noise
from posemill.features.augment.time import change_speed, fewer_frames, fill, stretch_time
from posemill.features.augment.view import swap_stretches, transform_affine
from posemill.params.train import AugmentParams
from posemill.pose.gaps import fill_in_time
from posemill.pose.skeleton import BODY_12

OFF = AugmentParams(
    rotate_rad=0,
    scale=0,
    shear=0,
    mirror=0,
    swap_sides=0,
    swap_stretches=0,
    jitter=0,
    drift=0,
    jumps=0,
    drop_frames=0,
    drop_clip=0,
    drop_limb=0,
    crop=1,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pipeline() -> FeaturePipeline:
    spec = WindowSpec(duration_s=1.0, rate_hz=24.0)
    return FeaturePipeline(BODY_12, spec).fit(people())


def people() -> np.ndarray:
    """(8, 24, 12, 3) people whose keypoints move on straight lines, in pixels."""
    random = np.random.default_rng(0)
    pose, speed = random.normal(0, 60, (2, 8, 1, 12, 2))
    xy = 300 + pose + speed * np.linspace(0, 0.3, 24)[None, :, None, None]
    return np.concatenate([xy, np.ones((8, 24, 12, 1))], -1).astype(np.float32)


def test_everything_off_changes_only_uneven_times(pipeline: FeaturePipeline) -> None:
    x = torch.from_numpy(pipeline.transform(people()))
    out = Augmentation(pipeline, OFF)(x, generator())
    assert out.shape == x.shape
    assert (out - x).abs().max() < 0.12


def test_the_same_generator_gives_the_same_batch(pipeline: FeaturePipeline) -> None:
    x = torch.from_numpy(pipeline.transform(people()))
    augmentation = Augmentation(pipeline, AugmentParams())
    torch.testing.assert_close(augmentation(x, generator(1)), augmentation(x, generator(1)), rtol=0, atol=0)
    assert (augmentation(x, generator(1)) - augmentation(x, generator(2))).abs().max() > 0.1


def test_no_nan_even_when_nearly_everything_is_hidden(pipeline: FeaturePipeline) -> None:
    x = torch.from_numpy(pipeline.transform(people()))
    hiding = AugmentParams(drop_frames=0.9, drop_clip=1.0, drop_limb=1.0)
    for seed in range(10):
        assert torch.isfinite(Augmentation(pipeline, hiding)(x, generator(seed))).all()


def test_mirroring_exchanges_left_and_right() -> None:
    x = torch.randn(4, 6, 12, 2)
    flip = torch.from_numpy(BODY_12.flip_index)
    out = transform_affine(x, OFF.model_copy(update={"mirror": 1.0}), flip, generator())
    torch.testing.assert_close(out, x[:, :, flip] * torch.tensor([-1.0, 1.0]))


def test_sides_change_places_for_a_stretch_of_poses_a_limb_or_all_at_a_time() -> None:
    x = torch.randn(400, 24, 12, 2, generator=generator())
    flip, limbs = torch.from_numpy(BODY_12.flip_index), torch.tensor(branches(BODY_12))
    out = swap_stretches(x, flip, limbs, 0.5, generator())
    same, other = (out == x).all(-1), (out == x[:, :, flip]).all(-1)
    assert (same | other).all()
    swapped = ~same
    assert (swapped == swapped[..., flip]).all()
    changed = swapped.any(dim=(1, 2))
    assert 150 < int(changed.sum()) < 250
    for window in swapped[changed]:
        during = window.any(-1)
        assert during.nonzero().flatten().diff().eq(1).all()
        assert 1 <= int(during.sum()) < 24 // 3
        assert (window[during] == window[during][0]).all()
    counts = {int(window.any(0).sum()) for window in swapped[changed]}
    assert {2, 4, 12} <= counts  # wrists, elbows with them, everything
    torch.testing.assert_close(swap_stretches(x, flip, limbs, 0.0, generator()), x, rtol=0, atol=0)


def test_rotation_keeps_distances() -> None:
    x = torch.randn(4, 6, 12, 2)
    out = transform_affine(x, OFF.model_copy(update={"rotate_rad": 1.0}), torch.arange(12), generator())
    torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
    assert (out - x).abs().max() > 0.1


def test_a_stretched_line_stays_a_line() -> None:
    line = torch.linspace(0, 1, 24)[None, :, None, None].expand(5, 24, 12, 2).contiguous()
    out = stretch_time(line, 0.5, generator())
    assert (out[:, 1:] >= out[:, :-1]).all()
    assert ((out[:, -1] - out[:, 0]) > 0.4).all()


def test_drift_is_slow_and_jitter_is_not() -> None:
    shape = (50, 48, 12, 2)
    still, shaking = OFF.model_copy(update={"drift": 0.1}), OFF.model_copy(update={"jitter": 0.1})

    def step_share(params: AugmentParams) -> float:
        n = estimator_noise(shape, params, generator())
        return float((n[:, 1:] - n[:, :-1]).std() / n.std())

    assert step_share(still) < 0.5 < step_share(shaking)


def test_hidden_keypoints_are_filled_as_the_pipeline_does() -> None:
    x = torch.randn(3, 20, 12, 2)
    hidden = torch.rand(3, 20, 12, generator=generator()) < 0.4
    wanted = fill_in_time(torch.where(hidden[..., None], torch.nan, x).numpy())
    np.testing.assert_allclose(fill(x, hidden).numpy(), wanted, atol=1e-6)


def test_renormalising_is_what_the_pipeline_does(pipeline: FeaturePipeline) -> None:
    windows = people()
    hidden = torch.zeros(8, 24, 12, dtype=torch.bool)
    hidden[:, :, [8, 9, 10, 11]] = True
    whole = torch.from_numpy(pipeline.transform(windows))[..., :2]
    windows[:, :, [8, 9, 10, 11]] = np.nan
    wanted = pipeline.transform(windows)[:, :, :8, :2]
    got = Augmentation(pipeline, OFF)._normalise(whole, hidden)[:, :, :8]
    np.testing.assert_allclose(got.numpy(), wanted, atol=0.02)


def test_a_branch_is_a_keypoint_and_what_hangs_on_it() -> None:
    rows = branches(BODY_12)
    elbow = [k for k, inside in zip(BODY_12.keypoints, rows[BODY_12.index("left_elbow")], strict=True) if inside]
    assert elbow == ["left_elbow", "left_wrist"]
    assert sum(rows[BODY_12.index("left_hip")]) == 3


def rising(count: int, frames: int = 24) -> torch.Tensor:
    """(count, frames, 12, 2) keypoints that are at the number of the frame."""
    return torch.arange(frames, dtype=torch.float32)[None, :, None, None].expand(count, frames, 12, 2).contiguous()


def test_another_speed_is_a_line_of_another_slope() -> None:
    out = change_speed(rising(200), 1.0, generator())
    steps = (out[:, 1:] - out[:, :-1]).abs()[:, :, 0, 0]
    slope = steps.median(1).values  # where the motion turns back, at most one step is shorter
    assert ((steps - slope[:, None]).abs() > 1e-4).sum(1).max() <= 2
    assert 0.5 <= float(slope.min()) < 0.6
    assert 1.7 < float(slope.max()) <= 2.0
    assert float(out.min()) >= 0
    assert float(out.max()) <= 23


def test_a_slower_camera_sees_straight_motion_as_it_is_and_loses_what_is_fast() -> None:
    out = fewer_frames(rising(100), 1.0, generator())
    torch.testing.assert_close(out[:, 4:-4], rising(100)[:, 4:-4], rtol=0, atol=1e-4)
    shaking = torch.randn(100, 48, 12, 2, generator=generator())
    half = fewer_frames(shaking, 0.5, generator())
    kept = (half == shaking).all(dim=(1, 2, 3))
    assert 30 < int(kept.sum()) < 70
    step = (half[:, 1:] - half[:, :-1]).std(dim=(1, 2, 3))
    assert step[~kept].mean() < 0.8 * step[kept].mean()


def test_speed_and_frame_rate_are_part_of_the_augmentation(pipeline: FeaturePipeline) -> None:
    x = torch.from_numpy(pipeline.transform(people()))
    plain = Augmentation(pipeline, OFF)(x, generator())
    for change in ({"speed": 0.5}, {"frame_rate": 1.0}):
        out = Augmentation(pipeline, OFF.model_copy(update=change))(x, generator())
        assert out.shape == x.shape
        assert torch.isfinite(out).all()
        assert (out - plain).abs().max() > 1e-3
