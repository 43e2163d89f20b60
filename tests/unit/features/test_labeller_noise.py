"""A labeller whose errors are known: fitting finds them again, and augmentation errs as it does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posemill.errors import CheckpointError, InputError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.augment import Augmentation
from posemill.features.labeller_noise import FittedNoise, fit_noise
from posemill.params.train import AugmentParams
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks, PoseTrack

FRAMES, FPS, SIZE = 2000, 25.0, 200.0
PAIR = [BODY_12.index("left_wrist"), BODY_12.index("right_wrist")]
OFF = AugmentParams(
    noise="fitted", rotate_rad=0, scale=0, shear=0, mirror=0, drop_frames=0, drop_clip=0, drop_limb=0, crop=1
)
Damage = Callable[[np.ndarray, np.random.Generator], None]


def medium(xy: np.ndarray, *others: PoseTrack) -> MediumTracks:
    track = PoseTrack(
        BODY_12,
        0,
        np.arange(len(xy), dtype=np.int32),
        np.arange(len(xy)) / FPS,
        xy.astype(np.float32),
        np.where(np.isnan(xy[..., 0]), 0, 1).astype(np.float32),
        np.zeros(len(xy), np.uint8),
    )
    return MediumTracks("m", "l", BODY_12, 640, 480, len(xy), len(xy) / FPS, (track, *others))


def person() -> np.ndarray:
    """(FRAMES, 12, 2) a still person, SIZE high; keypoints are far from each other."""
    random = np.random.default_rng(3)
    pose = 300 + random.uniform(-60, 60, (12, 2))
    pose[0], pose[-1] = (300, 300 - SIZE / 2), (300, 300 + SIZE / 2)
    pose[PAIR] = (240, 300), (360, 300)
    return np.repeat(pose[None], FRAMES, 0)


def fitted(damage: Damage) -> FittedNoise:
    xy = person()
    found = xy.copy()
    damage(found, np.random.default_rng(0))
    noise = fit_noise([(medium(found), medium(xy))])
    assert noise is not None
    return noise


def jitter(xy: np.ndarray, random: np.random.Generator) -> None:
    """4 px, correlated by 0.8 from frame to frame."""
    error = np.zeros_like(xy[0])
    for t in range(len(xy)):
        error = 0.8 * error + 0.6 * random.normal(0, 4, error.shape)
        xy[t] += error


def stretches(random: np.random.Generator, count: int, length: int) -> np.ndarray:
    mask = np.zeros(FRAMES, bool)
    for start in random.choice(FRAMES // 20, count, replace=False) * 20:
        mask[start : start + length] = True
    return mask


def test_jitter_is_found_with_its_size_and_memory() -> None:
    noise = fitted(jitter)
    np.testing.assert_allclose(noise.jitter, 4 / SIZE, rtol=0.12)
    assert noise.memory_s == pytest.approx(-1 / FPS / np.log(0.8), rel=0.15)
    assert (max(noise.jump_rate), max(noise.swap_rate), max(noise.drop_rate)) == (0, 0, 0)


def test_jumps_are_found_and_are_no_jitter() -> None:
    def damage(xy: np.ndarray, random: np.random.Generator) -> None:
        xy[stretches(random, 20, 5), 3, 0] += 100

    noise = fitted(damage)
    assert noise.jump_rate[3] == pytest.approx(0.05, abs=1e-6)
    assert sum(noise.jump_rate) == noise.jump_rate[3]
    assert noise.jump_s == pytest.approx(5 / FPS)
    assert noise.jump_size == pytest.approx(100 / SIZE / np.sqrt(2), rel=1e-3)
    assert max(noise.jitter) < 1e-3


def test_exchanged_sides_are_no_jumps() -> None:
    def damage(xy: np.ndarray, random: np.random.Generator) -> None:
        rows = stretches(random, 10, 4)
        xy[np.ix_(rows, PAIR)] = xy[np.ix_(rows, PAIR[::-1])]

    noise = fitted(damage)
    assert [noise.swap_rate[k] for k in PAIR] == pytest.approx([0.02, 0.02])
    assert sum(noise.swap_rate) == pytest.approx(0.04)
    assert noise.swap_s == pytest.approx(4 / FPS)
    assert max(noise.jump_rate) == 0


def test_lost_keypoints_are_counted_where_the_person_was_found() -> None:
    def damage(xy: np.ndarray, random: np.random.Generator) -> None:
        xy[stretches(random, 50, 6), 5] = np.nan
        xy[1990:, :] += 5000  # somebody else

    noise = fitted(damage)
    assert noise.drop_rate[5] == pytest.approx(300 / 1990, rel=0.03)
    assert sum(noise.drop_rate) == noise.drop_rate[5]
    assert noise.drop_s == pytest.approx(6 / FPS, rel=0.05)


def test_of_two_found_people_the_nearer_one_counts() -> None:
    xy = person()
    other = replace(medium(xy + 60).tracks[0], person=1)
    noise = fit_noise([(medium(xy + 0.5, other), medium(xy))])
    assert noise is not None
    assert max(noise.jump_rate) == 0
    assert fit_noise([(medium(xy + 5000), medium(xy))]) is None
    assert fit_noise([]) is None


def test_it_is_kept_as_json(tmp_path: Path) -> None:
    noise = fitted(jitter)
    noise.save(tmp_path / "noise.json")
    assert FittedNoise.load(tmp_path / "noise.json") == noise
    (tmp_path / "noise.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"not a noise\.json"):
        FittedNoise.load(tmp_path / "noise.json")


def test_augmentation_errs_as_the_labeller_does() -> None:
    windows = np.concatenate([person()[: 25 * 64].reshape(64, 25, 12, 2), np.ones((64, 25, 12, 1))], -1)
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=FPS)).fit(windows.astype(np.float32))
    x = torch.from_numpy(pipeline.transform(windows.astype(np.float32)))
    errors = Augmentation(pipeline, OFF, fitted(jitter)).errors
    assert errors is not None
    moved = errors.added_to(x[..., :2], torch.ones(64, 1, 1), torch.Generator().manual_seed(0)) - x[..., :2]
    assert float(moved.std()) * pipeline.spread == pytest.approx(4 / SIZE, rel=0.1)
    lag = (moved[:, 1:] * moved[:, :-1]).mean() / (moved**2).mean()
    assert float(lag) == pytest.approx(0.8, abs=0.05)

    noise = replace(
        fitted(jitter), drop_rate=(0.3, *[0.0] * 11), drop_s=4 / FPS, swap_rate=_of_pair(0.2), jitter=(0.0,) * 12
    )
    errors = Augmentation(pipeline, OFF, noise).errors
    assert errors is not None
    lost = errors.lost(torch.ones(400, 1, 1), torch.Generator().manual_seed(0))
    assert float(lost[:, :, 0].float().mean()) == pytest.approx(0.3, abs=0.03)
    assert not lost[:, :, 1:].any()
    swapped = (
        errors.added_to(x[..., :2], torch.ones(64, 1, 1), torch.Generator().manual_seed(0)) - x[..., :2]
    ).abs().amax(-1) > 1e-3
    assert (swapped[..., PAIR[0]] == swapped[..., PAIR[1]]).all()
    assert float(swapped[..., PAIR[0]].float().mean()) == pytest.approx(0.2, abs=0.05)
    out = Augmentation(pipeline, OFF, noise)(x, torch.Generator().manual_seed(0))
    assert torch.isfinite(out).all()


def _of_pair(rate: float) -> tuple[float, ...]:
    return tuple(rate if k in PAIR else 0.0 for k in range(12))


def test_fitted_noise_is_asked_for_and_given() -> None:
    windows = np.concatenate([person()[:50].reshape(2, 25, 12, 2), np.ones((2, 25, 12, 1))], -1).astype(np.float32)
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=FPS)).fit(windows)
    with pytest.raises(InputError, match="fitted noise goes with"):
        Augmentation(pipeline, OFF)
    with pytest.raises(InputError, match="fitted noise goes with"):
        Augmentation(pipeline, AugmentParams(), fitted(jitter))
