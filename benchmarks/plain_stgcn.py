"""ST-GCN++ as it is commonly written in PyTorch: channels first, one convolution a branch, `einsum` over the graph.

The reference of benchmarks/training.py; `twin` copies the weights of posemill's network, so that both start alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from posemill.models.stgcn import STGCN
from posemill.models.streams import KeypointStreams


class Graph(nn.Module):
    """Projected for every part of the graph, then mixed."""

    def __init__(self, parts: Tensor, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.parts = nn.Parameter(parts.clone())
        self.project = nn.Conv2d(channels_in, channels_out * len(parts), 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.skip = skip(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, C', T, V)."""
        n, _, t, v = x.shape
        h = self.project(x).view(n, len(self.parts), -1, t, v)
        mixed = torch.einsum("nkctv,kvw->nctw", h, self.parts).contiguous()
        return torch.relu(self.norm(mixed) + self.skip(x))


class Temporal(nn.Module):
    """Every branch on its own, then joined."""

    def __init__(self, channels: int, stride: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        rest = channels // (len(dilations) + 2)
        widths = [channels - rest * (len(dilations) + 1), *[rest] * len(dilations)]

        def reduce(width: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]

        branches = [
            nn.Sequential(*reduce(w), nn.Conv2d(w, w, (3, 1), (stride, 1), (d, 0), (d, 1), bias=False))
            for w, d in zip(widths, dilations, strict=False)
        ]
        branches.append(nn.Sequential(*reduce(rest), nn.MaxPool2d((3, 1), (stride, 1), (1, 0))))
        self.branches = nn.ModuleList([*branches, nn.Conv2d(channels, rest, 1, (stride, 1), bias=False)])
        self.joined = nn.BatchNorm2d(channels)
        self.join = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, C, T', V)."""
        joined = self.joined(torch.cat([branch(x) for branch in self.branches], dim=1))
        out: Tensor = self.norm(self.join(torch.relu(joined)))
        return out


class Block(nn.Module):
    """Graph, then time, around a residual connection."""

    def __init__(self, parts: Tensor, widths: tuple[int, int], stride: int, first: bool, dilations: Any) -> None:
        super().__init__()
        self.graph = Graph(parts, *widths)
        self.temporal = Temporal(widths[1], stride, dilations)
        self.skip = None if first else skip(*widths, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, V) → (N, C', T', V)."""
        h = self.temporal(self.graph(x))
        return torch.relu(h if self.skip is None else h + self.skip(x))


def skip(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """Identity, or a projection where the shape changes."""
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, (stride, 1), bias=False), nn.BatchNorm2d(channels_out))


class PlainSTGCN(nn.Module):
    """(B, T, K, 3) windows → (B, classes) logits."""

    def __init__(self, streams: KeypointStreams, blocks: list[Block], keypoints: int, head: nn.Linear) -> None:
        super().__init__()
        self.streams, self.blocks, self.head = streams, nn.Sequential(*blocks), head
        self.norm = nn.BatchNorm1d(streams.channels * keypoints)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.streams(x)
        n, t, v, c = h.shape
        h = self.norm(h.permute(0, 2, 3, 1).reshape(n, v * c, t)).view(n, v, c, t)
        logits: Tensor = self.head(self.blocks(h.permute(0, 2, 3, 1).contiguous()).mean((2, 3)))
        return logits


def twin(ours: STGCN) -> PlainSTGCN:
    """The same network with the same weights (a dropout of 0 is assumed)."""
    first = ours.blocks[0].graph.parts
    blocks = [
        Block(
            torch.empty_like(first),
            (b.graph.project.in_features // len(first), b.graph.project.out_features),
            b.temporal.stride,
            b.skip is None,
            tuple(c.dilation[0] for c in b.temporal.convolve),
        )
        for b in ours.blocks
    ]
    plain = PlainSTGCN(ours.streams, blocks, first.shape[-1], nn.Linear(*reversed(ours.head[1].weight.shape)))
    with torch.no_grad():
        plain.head.load_state_dict(ours.head[1].state_dict())
        plain.norm.load_state_dict(ours.norm.state_dict())
        for theirs, block in zip(plain.blocks, ours.blocks, strict=True):
            _copy(theirs, block)
    return plain


def _copy(to: Any, block: Any) -> None:
    """Weights of one block; what is one product there is several convolutions here."""
    parts = len(block.graph.parts)
    to.graph.parts.copy_(block.graph.parts.transpose(1, 2))
    out = block.graph.project.out_features
    weight = block.graph.project.weight.view(out, parts, -1).transpose(0, 1)
    to.graph.project.weight.copy_(weight.reshape(out * parts, -1, 1, 1))
    to.graph.norm.load_state_dict(block.graph.norm.state_dict())
    for a, b in ((to.graph.skip, block.graph.skip), (to.skip, block.skip)):
        if isinstance(b, nn.Sequential):
            a[0].weight.copy_(b[0].weight[..., None, None])
            a[1].load_state_dict(b[1].state_dict())
    for branch, weight in zip(to.temporal.branches, block.temporal.reduce.weight.split(block.temporal.widths)):  # noqa: B905
        branch[0].weight.copy_(weight[..., None, None])
    for branch, convolution in zip(to.temporal.branches, block.temporal.convolve):  # noqa: B905
        branch[3].weight.copy_(convolution.weight)
    to.temporal.branches[-1].weight.copy_(block.temporal.plain.weight[..., None, None])
    to.temporal.join.weight.copy_(block.temporal.join.weight[..., None, None])
    for name in ("joined", "norm"):
        getattr(to.temporal, name).load_state_dict(getattr(block.temporal, name).state_dict())
