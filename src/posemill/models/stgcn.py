"""Spatio-temporal graph networks: ST-GCN++ as published, and a small one of the same blocks.

Yan et al., Spatial Temporal Graph Convolutional Networks, AAAI 2018; Duan et al., PYSKL, 2022. Written from the papers:
a graph that starts as the skeleton and is learnt, residual connections around graph and block, six branches in time.

Everything stays (B, T, K, C) in memory from the first layer to the last. A 1×1 convolution is then one matrix product
over all keypoints of all frames, mixing keypoints is a small product a frame on the same memory, and a convolution in
time reads it as a channels-last picture: nothing is permuted or copied on the way. What lies between products, that is
normalisation, sum and ReLU, is one operation (posemill.cpu_kernels).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from posemill.cpu_kernels.batch_norm import batch_norm, batch_norm_concat, batch_norm_split
from posemill.cpu_kernels.graph_matmul import graph_matmul
from posemill.cpu_kernels.temporal_max_pool import temporal_max_pool
from posemill.models.streams import STREAMS, KeypointStreams
from posemill.pose.skeleton import Skeleton


def adjacency(skeleton: Skeleton) -> NDArray[np.float32]:
    """Return the adjacency (3, K, K) float32: itself, to the children, to the parents; rows sum to 1 or are empty."""
    k = len(skeleton)
    inward = np.zeros((k, k), np.float32)
    for parent, child in skeleton.edge_index:
        inward[child, parent] = 1
    parts = np.stack([np.eye(k, dtype=np.float32), inward, inward.T])
    return np.asarray(parts / np.maximum(parts.sum(-1, keepdims=True), 1), np.float32)


class _Norm(nn.BatchNorm1d):
    """Batch normalisation of the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        return batch_norm(self, x)


class _Graph(nn.Module):
    """Graph convolution along the skeleton, one projection a part, around a residual connection."""

    def __init__(self, skeleton: Skeleton, channels_in: int, channels_out: int) -> None:
        super().__init__()
        parts = torch.from_numpy(adjacency(skeleton))
        self.parts = nn.Parameter(parts)  # starts as the skeleton, then learns which keypoints belong together
        self.project = nn.Linear(channels_in * len(parts), channels_out, bias=False)
        self.norm = _Norm(channels_out)
        self.skip = _skip(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        b, t, k, c = x.shape
        parts = self.parts.transpose(0, 1).flatten(0, 1)  # rows keypoint by keypoint, so that parts lie side by side
        h = self.project(graph_matmul(parts, x.reshape(b * t, k, c)).view(b, t, k, -1))
        return batch_norm(self.norm, h, self.skip(x), relu=True)


class _Temporal(nn.Module):
    """Multi-branch temporal convolution: several dilations, a max-pool and a plain branch, concatenated.

    All branches but the plain one begin with a 1×1 convolution: they are one here, and split after it. The residual
    connection around the block is added before the last ReLU.
    """

    def __init__(self, channels: int, stride: int, dilations: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        rest = channels // (len(dilations) + 2)
        first = channels - rest * (len(dilations) + 1)
        self.stride, self.widths = stride, [first, *[rest] * len(dilations)]
        self.reduce = nn.Linear(channels, sum(self.widths), bias=False)
        self.reduced = _Norm(sum(self.widths))
        self.convolve = nn.ModuleList(
            nn.Conv2d(w, w, (3, 1), (stride, 1), (d, 0), (d, 1), bias=False)
            for w, d in zip(self.widths, dilations, strict=False)
        )
        self.plain = nn.Linear(channels, rest, bias=False)
        self.joined = _Norm(channels)
        self.join = nn.Linear(channels, channels, bias=False)
        self.norm = _Norm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        if self.stride == 1:  # one product: so narrow a one as the plain branch costs half as much as all
            h = functional.linear(x, torch.cat([self.reduce.weight, self.plain.weight]))
            *parts, pooled, plain = batch_norm_split(self.reduced, h, self.widths)
        else:
            *parts, pooled = batch_norm_split(self.reduced, self.reduce(x), self.widths)
            plain = self.plain(x[:, :: self.stride])
        convolved = [
            layer(part.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # a view: to torch it is a channels-last picture
            for layer, part in zip(self.convolve, parts, strict=True)
        ]
        h = self.join(batch_norm_concat(self.joined, [*convolved, temporal_max_pool(pooled, self.stride), plain]))
        if not self.dropout.p:
            return batch_norm(self.norm, h, skip, relu=True)
        h = self.dropout(self.norm(h))
        return functional.relu(h if skip is None else h.add_(skip), inplace=True)


class _Block(nn.Module):
    """Graph, then time, around a residual connection that the first block does not have."""

    def __init__(
        self,
        skeleton: Skeleton,
        channels_in: int,
        channels_out: int,
        stride: int,
        first: bool,
        dilations: tuple[int, ...],
        dropout: float,
    ) -> None:
        super().__init__()
        self.graph = _Graph(skeleton, channels_in, channels_out)
        self.temporal = _Temporal(channels_out, stride, dilations, dropout)
        self.skip = None if first else _skip(channels_in, channels_out, stride)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        skip = None if self.skip is None else self.skip(x[:, :: self.stride])
        out: Tensor = self.temporal(self.graph(x), skip)
        return out


def _skip(channels_in: int, channels_out: int, stride: int = 1) -> nn.Module:
    """The residual connection: identity, or a projection where the shape changes."""
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Linear(channels_in, channels_out, bias=False), _Norm(channels_out))


class STGCN(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    widths     channels, one block each; wherever the width grows, time is halved.
    dilations  of the branches in time; two more are a max-pool and a plain projection.
    dropout    inside the blocks and before the last layer.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        widths: tuple[int, ...] = (48, 48, 96, 96, 192, 192),
        dilations: tuple[int, ...] = (1, 2, 4),
        dropout: float = 0.2,
        motion_gain: float = 3.0,
        coordinates: int = 2,
        streams: tuple[str, ...] = STREAMS,
    ) -> None:
        super().__init__()
        self.streams = KeypointStreams(skeleton, motion_gain, coordinates, streams)
        self.norm = _Norm(self.streams.channels * len(skeleton))
        channels = [self.streams.channels, *widths]
        self.blocks = nn.Sequential(
            *[
                _Block(skeleton, a, b, 2 if i and b > a else 1, i == 0, dilations, dropout)
                for i, (a, b) in enumerate(pairwise(channels))
            ]
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.streams(x)
        h = self.norm(h.flatten(2)).view(h.shape)
        logits: Tensor = self.head(self.blocks(h).mean((1, 2)))
        return logits


class STGCNPlusPlus(STGCN):
    """ST-GCN++ in its published size: ten blocks, 64 channels that double twice, six branches in time."""

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        widths: tuple[int, ...] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256),
        dilations: tuple[int, ...] = (1, 2, 3, 4),
        dropout: float = 0.0,
        motion_gain: float = 3.0,
        coordinates: int = 2,
        streams: tuple[str, ...] = STREAMS,
    ) -> None:
        super().__init__(skeleton, classes, widths, dilations, dropout, motion_gain, coordinates, streams)
