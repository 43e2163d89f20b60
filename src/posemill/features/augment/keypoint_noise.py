"""Keypoint noise as estimators make it: of set sizes, or drawn from the error model of one labeller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.features.labeller_noise import FittedNoise
from posemill.features.pipeline import FeaturePipeline
from posemill.params.train import AugmentParams

if TYPE_CHECKING:
    from torch import Generator, Tensor


class KeypointErrors:
    """Draws a labeller's errors: jitter correlated in time, jumps, side swaps, lost keypoints.

    Every window gets its own strength from none to all of them, as there are easy and hard people.
    """

    def __init__(self, noise: FittedNoise, pipeline: FeaturePipeline, spread: float) -> None:
        import torch

        window, skeleton = pipeline.window, pipeline.skeleton
        step_s = window.duration_s / window.frames
        apart = (torch.arange(window.frames)[:, None] - torch.arange(window.frames)).abs()
        self.over_time = torch.linalg.cholesky(torch.exp(-apart * step_s / noise.memory_s).double()).float()
        self.jitter = torch.from_numpy(noise.of("jitter", skeleton))[:, None] / spread
        self.jump_size = noise.jump_size / spread
        self.flip = torch.from_numpy(skeleton.flip_index)
        self.side = torch.minimum(self.flip, torch.arange(len(skeleton)))  # both sides are swapped together
        self.rates = {n: torch.from_numpy(noise.of(f"{n}_rate", skeleton)) for n in ("jump", "swap", "drop")}
        self.frames = {n: max(round(getattr(noise, f"{n}_s") / step_s), 1) for n in self.rates}

    def added_to(self, xy: Tensor, strength: Tensor, g: Generator) -> Tensor:
        """Add side swaps, jitter and jumps to (B, T, K, 2); strength (B, 1, 1) from 0 to 1."""
        import torch

        b, t, k, _ = xy.shape
        swapped = self._intervals("swap", strength, g)[0][..., self.side]
        xy = torch.where(swapped[..., None], xy[:, :, self.flip], xy)
        jitter = torch.einsum("ts,bskc->btkc", self.over_time, torch.randn(b, t, k, 2, generator=g)) * self.jitter
        jumping, begun = self._intervals("jump", strength, g)
        aside = torch.randn(b, t + self.frames["jump"], k, 2, generator=g)
        aside = aside.gather(1, begun[..., None].expand(xy.shape))
        return xy + strength[..., None] * jitter + jumping[..., None] * aside * self.jump_size

    def lost(self, strength: Tensor, g: Generator) -> Tensor:
        """Draw lost keypoints, (B, T, K) bool."""
        return self._intervals("drop", strength, g)[0]

    def _intervals(self, name: str, strength: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
        """Draw intervals: (B, T, K) true inside, and when each began, counted from `frames` before the window."""
        import torch

        b, t, length = len(strength), len(self.over_time), self.frames[name]
        rate = strength * self.rates[name].clamp(max=0.99)
        begin = 1 - (1 - rate) ** (1 / length)
        at = torch.arange(t + length)[None, :, None]
        begun = (
            at.masked_fill(torch.rand(b, t + length, rate.shape[-1], generator=g) >= begin, -length).cummax(1).values
        )
        lasts = at - begun < length
        return lasts[:, length:], begun[:, length:].clamp(min=0)


def estimator_noise(shape: tuple[int, ...], p: AugmentParams, g: Generator) -> Tensor:
    """Draw estimator-like noise: independent jitter, slow drift, and sudden jumps that last a few frames."""
    import torch
    from torch.nn import functional

    b, t, k, d = shape
    size = torch.rand(b, 1, 1, 1, generator=g) * (0.5 + torch.rand(b, 1, k, 1, generator=g))
    white = torch.randn(b, t, k, d, generator=g) * p.jitter * size
    knots = torch.randn(b, k * d, max(t // 6, 2), generator=g)
    slow = functional.interpolate(knots, size=t, mode="linear", align_corners=True).view(b, k, d, t).permute(0, 3, 1, 2)
    at = torch.arange(t)[None, :, None, None]
    start = torch.randint(0, t, (b, 1, k, 1), generator=g)
    length = torch.randint(1, max(t // 8, 2), (b, 1, k, 1), generator=g)
    jumps = (torch.rand(b, 1, k, 1, generator=g) < p.jumps) & (at >= start) & (at < start + length)
    return white + slow * p.drift * size + jumps * torch.randn(b, 1, k, d, generator=g) * 0.4
