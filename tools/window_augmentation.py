"""Augmentation of normalised windows, for training the packaged model: views, speeds, and a pose network's guesses."""

from __future__ import annotations

import torch
from torch import Tensor

from posemill.features.pipeline import FeaturePipeline
from posemill.pose.skeleton import BODY_12

LIMBS = tuple(
    tuple(BODY_12.index(f"{side}_{part}") for part in chain)
    for side in ("left", "right")
    for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)


def augmented(x: Tensor, g: torch.Generator, mean_pose: Tensor) -> Tensor:
    """Mirrored, turned, stretched and shaken windows (B, T, K, 2), at other speeds, with limbs in wrong places."""
    n = len(x)
    x = misplaced(at_other_speeds(x, g), g, mean_pose)
    mirror = torch.rand(n, generator=g) < 0.5
    x = torch.where(
        mirror[:, None, None, None], x[:, :, torch.from_numpy(BODY_12.flip_index)] * torch.tensor([-1.0, 1.0]), x
    )
    angle = torch.randn(n, generator=g) * 0.07
    c, s = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    wide, tall = (1 + 0.08 * torch.randn(n, 1, 1, generator=g) for _ in range(2))
    u, v = x[..., 0] * wide, x[..., 1] * tall
    out = torch.stack([c * u - s * v, s * u + c * v], -1)
    shake = torch.randn(out.shape, generator=g) * torch.rand(n, 1, 1, 1, generator=g) * 0.03
    return out + shake + 0.03 * torch.randn(n, 1, 12, 2, generator=g) * torch.rand(n, 1, 1, 1, generator=g)


def mean_pose_of(features: FeaturePipeline) -> Tensor:
    """Where the pipeline puts a keypoint that a window never shows, (K, 2) as the network sees it."""
    if features.mean_pose is None or features.spread is None:
        raise SystemExit("the features are not fitted")
    return torch.from_numpy(features.mean_pose[:, :2] / features.spread)


def at_other_speeds(x: Tensor, g: torch.Generator) -> Tensor:
    """Windows (B, T, K, 2) of which a half is played up to a third faster or slower, about a moment near the middle."""
    n, frames = x.shape[:2]
    speed = torch.where(torch.rand(n, generator=g) < 0.5, 0.7 + 0.6 * torch.rand(n, generator=g), torch.ones(()))
    middle = (frames - 1) / 2 + torch.where(speed == 1, 0.0, 4 * torch.randn(n, generator=g))
    at = (middle[:, None] + (torch.arange(frames) - (frames - 1) / 2) * speed[:, None]).clamp(0, frames - 1)
    low = at.floor().long().clamp(max=frames - 2)
    share = (at - low)[..., None, None]
    rows = torch.arange(n)[:, None]
    return x[rows, low] * (1 - share) + x[rows, low + 1] * share


def misplaced(x: Tensor, g: torch.Generator, mean_pose: Tensor) -> Tensor:
    """Windows (B, T, K, 2) in some of which a limb is for a while too short, exchanged with the other one, or held.

    In some it is never seen: it is where the mean pose (K, 2) has it, as the feature pipeline fills such a keypoint.
    """
    n, frames = x.shape[:2]
    time = torch.arange(frames)
    for root, middle, end in LIMBS:
        kind = torch.rand(n, generator=g)
        length = frames * torch.rand(n, 1, generator=g) ** 2 * 1.6
        start = frames * (1.4 * torch.rand(n, 1, generator=g) - 0.4)
        during = ((time >= start) & (time < start + length))[..., None, None]
        short = torch.rand(n, 1, 1, 1, generator=g)
        first = x[torch.arange(n), start[:, 0].long().clamp(0, frames - 1)][:, None]
        for k in (middle, end):
            own, other = x[:, :, [k]], x[:, :, [int(BODY_12.flip_index[k])]]
            drawn = x[:, :, [root]] + short * (own - x[:, :, [root]])
            guess = torch.where((kind < 0.04)[:, None, None, None], drawn, own)
            guess = torch.where(((kind >= 0.04) & (kind < 0.05))[:, None, None, None], other, guess)
            guess = torch.where(((kind >= 0.05) & (kind < 0.08))[:, None, None, None], first[:, :, [k]], guess)
            guess = torch.where(during, guess, own)
            unseen = ((kind >= 0.08) & (kind < 0.11))[:, None, None, None]
            guess = torch.where(unseen, mean_pose[k].expand_as(own), guess)
            x = torch.cat([x[:, :, :k], guess, x[:, :, k + 1 :]], 2)
    return x
