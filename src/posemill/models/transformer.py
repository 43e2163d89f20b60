"""Spatio-temporal transformer: attention between the keypoints of a frame, then between the frames of a keypoint."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from posemill.errors import InputError
from posemill.models.streams import STREAMS, KeypointStreams
from posemill.pose.skeleton import Skeleton


class _Attention(nn.Module):
    """Self-attention along the axis before the last, around a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(A, B, L, C) → the same."""
        parts = self.ask(self.norm(x)).unflatten(-1, (3 * self.heads, -1)).transpose(-2, -3)  # (A, B, 3·heads, L, c)
        query, key, value = parts.flatten(0, 1).chunk(3, dim=1)
        attended = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = x + self.dropout(self.answer(attended.transpose(1, 2).reshape(x.shape)))
        return out


class _Block(nn.Module):
    """Keypoints of a frame, frames of a keypoint, then each alone."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.space, self.time = _Attention(width, heads, dropout), _Attention(width, heads, dropout)
        self.alone = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, C) → the same."""
        x = self.time(self.space(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.alone(x)
        return out


class Transformer(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    width, depth, heads  of the attention blocks; `heads` divides `width`, which is even.
    stride               every so many frames become one token a keypoint, by a convolution in time.
    dropout              inside the blocks and before the last layer.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        stride: int = 2,
        dropout: float = 0.1,
        motion_gain: float = 3.0,
        coordinates: int = 2,
        streams: tuple[str, ...] = STREAMS,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise InputError(f"network transformer: width should be a multiple of 2 · heads = {2 * heads}, is {width}")
        self.streams = KeypointStreams(skeleton, motion_gain, coordinates, streams)
        self.norm = nn.BatchNorm1d(self.streams.channels * len(skeleton))
        self.embed = nn.Conv2d(self.streams.channels, width, (2 * stride + 1, 1), (stride, 1), (stride, 0))
        self.place = nn.Parameter(0.02 * torch.randn(len(skeleton), width))  # which keypoint a token is of
        self.blocks = nn.Sequential(*[_Block(width, heads, dropout) for _ in range(depth)])
        self.last = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.streams(x)
        h = self.norm(h.flatten(2).flatten(0, 1)).view(h.shape)
        h = self.embed(h.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        h = h + self.place + _when(h)[:, None]
        logits: Tensor = self.head(self.last(self.blocks(h)).mean((1, 2)))
        return logits


def _when(tokens: Tensor) -> Tensor:
    """(T, C): sines and cosines of the token's number in time, as many as there are tokens (B, T, K, C)."""
    half = tokens.shape[-1] // 2
    rate = torch.exp(torch.arange(half, device=tokens.device) * (-math.log(1000.0) / half))
    angle = torch.arange(tokens.shape[1], device=tokens.device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], -1).to(tokens.dtype)
