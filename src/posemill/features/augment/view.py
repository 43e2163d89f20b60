"""Augmentations of the view: rotation, scale, shear, mirroring, side swaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.params.train import AugmentParams

if TYPE_CHECKING:
    from torch import Generator, Tensor


def rotate_yaw(xyz: Tensor, reach_rad: float, g: Generator) -> Tensor:
    """Rotate about the vertical axis, up to that far to either side. xyz (B, T, K, 3)."""
    import torch

    angle = (2 * torch.rand(len(xyz), 1, 1, generator=g) - 1) * reach_rad
    x, y, z = xyz.unbind(-1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], -1)


def transform_affine(xy: Tensor, p: AugmentParams, flip: Tensor, g: Generator) -> Tensor:
    """Rotate, scale x and y, shear, and mirror (in which left and right change names); z stays."""
    import torch

    b = len(xy)

    def around_zero(reach: float) -> Tensor:
        return (2 * torch.rand(b, generator=g) - 1) * reach

    angle, shear = around_zero(p.rotate_rad), around_zero(p.shear)
    wide, high = 1 + around_zero(p.scale), 1 + around_zero(p.scale)
    mirrored = torch.rand(b, generator=g) < p.mirror
    cos, sin = torch.cos(angle), torch.sin(angle)
    stretch = torch.stack([torch.stack([wide, shear], -1), torch.stack([torch.zeros(b), high], -1)], -2)
    rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    matrix = rotation @ stretch
    matrix[:, :, 0] *= torch.where(mirrored, -1.0, 1.0)[:, None]
    xy = torch.where(mirrored[:, None, None, None], xy[:, :, flip], xy)
    turned = torch.einsum("btkc,bdc->btkd", xy[..., :2], matrix)
    return torch.cat([turned, xy[..., 2:]], -1) if xy.shape[-1] > 2 else turned


def swap_sides(xy: Tensor, flip: Tensor, share: float, g: Generator) -> Tensor:
    """Swap the names of left and right, the picture stays: annotators mean different things by them, estimators err."""
    import torch

    swapped = torch.rand(len(xy), generator=g) < share
    return torch.where(swapped[:, None, None, None], xy[:, :, flip], xy)


def swap_people(xy: Tensor, nobody: Tensor, share: float, g: Generator) -> Tensor:
    """Swap the person and the partner of a pair in a share of the windows in which both are seen.

    xy      (B, T, 2K, D) of pairs.
    nobody  (2K, D) where keypoints lie that a window never shows.
    """
    import torch

    half = xy.shape[2] // 2
    there = (xy[:, :, half:] - nobody[half:]).abs().amax((1, 2, 3)) > 0
    swapped = there & (torch.rand(len(xy), generator=g) < share)
    return torch.where(swapped[:, None, None, None], torch.cat([xy[:, :, half:], xy[:, :, :half]], 2), xy)


def swap_stretches(xy: Tensor, flip: Tensor, limbs: Tensor, share: float, g: Generator) -> Tensor:
    """Swap left and right in a share of the windows for a while, of a pair of limbs or of all.

    limbs  (L, K) bool: keypoints that an estimator takes for the other side together.
    """
    import torch

    b, t = xy.shape[:2]
    at = torch.arange(t)[None, :]
    start = torch.randint(0, t, (b, 1), generator=g)
    length = torch.randint(1, max(t // 3, 2), (b, 1), generator=g)
    during = (at >= start) & (at < start + length) & (torch.rand(b, 1, generator=g) < share)
    which = limbs[torch.randint(0, len(limbs), (b,), generator=g)] | (torch.rand(b, 1, generator=g) < 0.5)
    which = which | which[:, flip]
    return torch.where((during[:, :, None] & which[:, None])[..., None], xy[:, :, flip], xy)
