from __future__ import annotations

import numpy as np
import torch

from posemill.applications.repetitions.density import HOP_BINS, DensityStream
from posemill.applications.repetitions.network import PERIODS_BINS, DensityNetwork, density_network
from posemill.applications.repetitions.poses import KEYPOINTS
from posemill.applications.repetitions.similarity import CHANNELS, LAGS, features


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
    out = conv(torch.relu(hidden), "out")[0].double()
    shares = torch.softmax(out[1:], 0)
    length = torch.exp((shares * torch.from_numpy(PERIODS_BINS).log()[:, None]).sum(0))
    expected = torch.sigmoid(out[0]) / length
    np.testing.assert_allclose(network(x), expected.numpy(), rtol=1e-3, atol=1e-6)


def test_a_repetition_is_at_most_as_dense_as_the_shortest() -> None:
    network = DensityNetwork(
        (1,),
        {
            "inp.weight": np.zeros((2, CHANNELS, 1), np.float32),
            "inp.bias": np.zeros(2, np.float32),
            "a.0.weight": np.zeros((2, 2, 3), np.float32),
            "a.0.bias": np.zeros(2, np.float32),
            "b.0.weight": np.zeros((2, 2, 1), np.float32),
            "b.0.bias": np.zeros(2, np.float32),
            "out.weight": np.zeros((1 + len(PERIODS_BINS), 2, 1), np.float32),
            "out.bias": np.concatenate([[50, 50], np.zeros(len(PERIODS_BINS) - 1)]).astype(np.float32),
        },
    )
    np.testing.assert_allclose(network(np.zeros((3, CHANNELS), np.float32)), 1 / PERIODS_BINS[0], rtol=1e-5)


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
