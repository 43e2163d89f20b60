"""Augmentations in time: crop, speed, frame rate; and interpolation of hidden keypoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


def stretch_time(xy: Tensor, shortest: float, g: Generator) -> Tensor:
    """Crop a random part (shortest..1) of every window and stretch it to its length, at slightly uneven times."""
    import torch

    b, t = xy.shape[:2]
    part = shortest + (1 - shortest) * torch.rand(b, 1, generator=g)
    start = (1 - part) * torch.rand(b, 1, generator=g)
    at = (torch.arange(t)[None] + torch.rand(b, t, generator=g)) / t
    at = ((start + part * at) * t - 0.5).clamp(0, t - 1)
    return at_times(xy, at)


def change_speed(xy: Tensor, reach: float, g: Generator) -> Tensor:
    """Change speed, up to 1 + reach times as fast or slow; where a faster motion has ended, it is played backwards."""
    import torch

    b, t = xy.shape[:2]
    rate = (1 + reach) ** (2 * torch.rand(b, 1, generator=g) - 1)
    start = (1 - rate) * (t - 1) * torch.rand(b, 1, generator=g)
    at = (start + rate * torch.arange(t)).remainder(2 * (t - 1))
    return at_times(xy, torch.minimum(at, 2 * (t - 1) - at))


def fewer_frames(xy: Tensor, share: float, g: Generator) -> Tensor:
    """Show a share of the windows as of a slower camera: every second to fourth frame, linear between those."""
    import torch

    b, t = xy.shape[:2]
    step = torch.where(torch.rand(b, 1, generator=g) < share, 1 + 3 * torch.rand(b, 1, generator=g), 1.0)
    phase = (step - 1) * torch.rand(b, 1, generator=g)
    nth = (torch.arange(t) - phase) / step
    before = (phase + nth.floor() * step).clamp(0, t - 1)
    after = (phase + (nth.floor() + 1) * step).clamp(0, t - 1)
    weight = (nth - nth.floor())[..., None, None]
    slow = at_times(xy, before) * (1 - weight) + at_times(xy, after) * weight
    return torch.where((step > 1)[..., None, None], slow, xy)


def at_times(xy: Tensor, at: Tensor) -> Tensor:
    """Interpolate windows (B, T, K, D) linearly at times (B, S) from 0 to T - 1: (B, S, K, D)."""
    import torch

    left = at.floor().long().clamp(max=xy.shape[1] - 2)
    weight = (at - left)[..., None, None]
    rows = torch.arange(len(xy))[:, None]
    return xy[rows, left] * (1 - weight) + xy[rows, left + 1] * weight


def fill(xy: Tensor, hidden: Tensor) -> Tensor:
    """Fill hidden keypoints as posemill.pose.gaps.fill_in_time does. xy (B, T, K, D), hidden (B, T, K)."""
    import torch

    t = xy.shape[1]
    at = torch.arange(t, device=xy.device)[None, :, None].expand(hidden.shape)
    before = at.masked_fill(hidden, -1).cummax(dim=1).values
    after = at.masked_fill(hidden, t).flip(1).cummin(dim=1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(0, t - 1)
    right = torch.where(after >= t, before, after).clamp(0, t - 1)
    weight = ((at - left) / (right - left).clamp(min=1)).clamp(0, 1)[..., None]
    a = xy.gather(1, left[..., None].expand(xy.shape))
    b = xy.gather(1, right[..., None].expand(xy.shape))
    return a + (b - a) * weight
