from __future__ import annotations

import numpy as np
import torch

from posemill.applications.repetitions.density import HOP_BINS, DensityStream, density_of
from posemill.applications.repetitions.network import PERIODS_BINS, density_network
from posemill.applications.repetitions.poses import KEYPOINTS
from posemill.applications.repetitions.similarity import CHANNELS, LAGS, features, local_movement


def _poses(bins: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    poses = np.random.default_rng(seed).normal(size=(bins, KEYPOINTS, 2)).astype(np.float32)
    return poses, np.ones((bins, KEYPOINTS), bool)


def test_every_bin_is_settled_once_and_in_time() -> None:
    stream = DensityStream(density_network(), window_bins=60, lookahead_bins=20)
    poses, seen = _poses(137)
    settled = 0
    for i in range(137):
        settled += len(stream.push(poses[i], seen[i]))
        assert i + 1 - settled < 20 + HOP_BINS
    assert settled + len(stream.finish()) == 137


def test_nobody_has_no_density() -> None:
    stream = DensityStream(density_network(), window_bins=60, lookahead_bins=20)
    nothing = np.zeros((KEYPOINTS, 2), np.float32), np.zeros(KEYPOINTS, bool)
    density = np.concatenate([stream.push(*nothing) for _ in range(80)] + [stream.finish()])
    assert density.shape == (80,)
    assert not density.any()


def test_numpy_gives_what_torch_gives() -> None:
    network = density_network()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, CHANNELS)).astype(np.float32)
    tensors = {name: torch.from_numpy(value) for name, value in network.weights.items()}

    def conv(h: torch.Tensor, name: str, dilation: int = 1) -> torch.Tensor:
        weight = tensors[f"{name}.weight"]
        padding = dilation * (weight.shape[-1] // 2)
        return torch.nn.functional.conv1d(h, weight, tensors[f"{name}.bias"], padding=padding, dilation=dilation)

    hidden = conv(torch.from_numpy(x.T[None]), "inp")
    for i, dilation in enumerate(network.dilations):
        hidden = hidden + conv(torch.relu(conv(hidden, f"a.{i}", dilation)), f"b.{i}")
    expected = conv(torch.relu(hidden), "out")[0].T
    np.testing.assert_allclose(network(x), expected.numpy(), rtol=1e-3, atol=1e-4)


def _logits(active: float, length_bins: float, bins: int = 60) -> np.ndarray:
    logits = np.full((bins, 1 + len(PERIODS_BINS)), -20, np.float32)
    logits[:, 0] = active
    logits[:, 1 + int(np.argmin(np.abs(PERIODS_BINS - length_bins)))] = 20
    return logits


def test_the_density_is_one_over_the_length_where_repetitions_are_certain() -> None:
    moving = np.ones(60, np.float32)
    np.testing.assert_allclose(density_of(_logits(20, 20), moving), 1 / 20, rtol=0.06)
    assert density_of(_logits(-20, 20), moving).max() < 1e-6


def test_a_body_that_hardly_moves_repeats_nothing() -> None:
    assert not density_of(_logits(20, 20), np.full(60, 0.05, np.float32)).any()


def test_movement_is_that_of_the_keypoint_that_moves_most() -> None:
    poses = np.zeros((1, 200, KEYPOINTS, 2), np.float32)
    poses[0, :, 3, 0] = 0.5 * np.sin(np.arange(200) * 2 * np.pi / 20)
    movement = local_movement(poses, np.ones((1, 200, KEYPOINTS), bool))[0, 60:140]
    np.testing.assert_allclose(movement, 0.5 / np.sqrt(2), rtol=0.1)


def test_a_periodic_pose_is_most_like_itself_a_period_later() -> None:
    period = 16
    phase = 2 * np.pi * np.arange(200) / period
    poses = np.zeros((1, 200, KEYPOINTS, 2), np.float32)
    poses[0, :, 4, 0], poses[0, :, 4, 1] = np.sin(phase), np.cos(phase)
    profile = features(poses, np.ones((1, 200, KEYPOINTS), bool))[0, 100, 36 : 36 + 2 * len(LAGS)]
    later = profile[1::2]
    assert LAGS[int(np.argmax(later))] == period
    assert later[LAGS.index(period)] > 0.99
    assert later[LAGS.index(8)] < 0.2
