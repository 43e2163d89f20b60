"""A spatio-temporal graph network in the manner of ST-GCN++: learnt graph mixing, multi-branch temporal convolution.

Yan et al., Spatial Temporal Graph Convolutional Networks, AAAI 2018; Duan et al., PYSKL, 2022.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posemill.models.streams import KeypointStreams
from posemill.pose.skeleton import Skeleton


def adjacency(skeleton: Skeleton) -> NDArray[np.float32]:
    """(3, K, K) float32: itself, towards the children, towards the parents; rows sum to 1 or are empty."""
    k = len(skeleton)
    inward = np.zeros((k, k), np.float32)
    for parent, child in skeleton.edge_index:
        inward[child, parent] = 1
    parts = np.stack([np.eye(k, dtype=np.float32), inward, inward.T])
    return np.asarray(parts / np.maximum(parts.sum(-1, keepdims=True), 1), np.float32)


class _Graph(nn.Module):
    """Mixes keypoints along the skeleton: fixed graph plus a learnt correction, one projection a part."""

    def __init__(self, skeleton: Skeleton, channels_in: int, channels_out: int) -> None:
        super().__init__()
        parts = torch.from_numpy(adjacency(skeleton))
        self.parts = nn.Parameter(parts)  # starts as the skeleton, then learns which keypoints belong together
        self.project = nn.Conv2d(channels_in, channels_out * len(parts), 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        b, _, t, k = x.shape
        parts = self.parts.shape[0]
        h = self.project(x).reshape(b, parts, -1, t, k)
        mixed = torch.matmul(h, self.parts.transpose(1, 2)[None, :, None]).sum(1)
        out: Tensor = self.norm(mixed)
        return out


class _Temporal(nn.Module):
    """Parallel temporal convolutions of several dilations, a maximum and a plain branch, joined again."""

    def __init__(self, channels: int, stride: int, dilations: tuple[int, ...] = (1, 2, 4), kernel: int = 3) -> None:
        super().__init__()
        rest = channels // (len(dilations) + 2)
        first = channels - rest * (len(dilations) + 1)
        widths = [first, *[rest] * len(dilations)]

        def reduce(width: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]

        self.branches = nn.ModuleList(
            nn.Sequential(
                *reduce(w),
                nn.Conv2d(w, w, (kernel, 1), (stride, 1), (d * (kernel - 1) // 2, 0), (d, 1), bias=False),
            )
            for w, d in zip(widths, dilations, strict=False)
        )
        self.branches.append(nn.Sequential(*reduce(rest), nn.MaxPool2d((3, 1), (stride, 1), (1, 0))))
        self.branches.append(nn.Conv2d(channels, channels - sum(widths[: len(dilations)]) - rest, 1, (stride, 1)))
        self.join = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.join(torch.cat([branch(x) for branch in self.branches], dim=1))
        return out


class _Block(nn.Module):
    """Graph, then time, around a residual connection."""

    def __init__(self, skeleton: Skeleton, channels_in: int, channels_out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.graph = _Graph(skeleton, channels_in, channels_out)
        self.graph_skip = _skip(channels_in, channels_out, 1)
        self.temporal = _Temporal(channels_out, stride)
        self.skip = _skip(channels_in, channels_out, stride)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.graph(x) + self.graph_skip(x))
        return torch.relu(self.dropout(self.temporal(h)) + self.skip(x))


def _skip(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """The residual connection: identity, or a projection where the shape changes."""
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, (stride, 1), bias=False), nn.BatchNorm2d(channels_out))


class STGCN(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    widths   channels, one block each; wherever the width grows, time is halved.
    dropout  inside the blocks and before the last layer.
    """

    def __init__(
        self, skeleton: Skeleton, classes: int, widths: tuple[int, ...] = (48, 48, 96, 96, 192, 192),
        dropout: float = 0.2, motion_gain: float = 3.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.streams = KeypointStreams(skeleton, motion_gain)
        self.norm = nn.BatchNorm1d(self.streams.channels * len(skeleton))
        channels = [self.streams.channels, *widths]
        self.blocks = nn.Sequential(*[
            _Block(skeleton, a, b, 2 if i and b > a else 1, dropout)
            for i, (a, b) in enumerate(pairwise(channels))
        ])  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.streams(x)
        b, c, t, k = h.shape
        h = self.norm(h.permute(0, 3, 1, 2).reshape(b, k * c, t)).reshape(b, k, c, t).permute(0, 2, 3, 1)
        logits: Tensor = self.head(self.blocks(h).mean((2, 3)))
        return logits
