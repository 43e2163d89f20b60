"""Temporal convolutional network (TCN): residual dilated 1-D convolutions over all keypoints together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posemill.models.streams import STREAMS, Streams
from posemill.pose.skeleton import Skeleton


class _Block(nn.Module):
    """Two dilated convolutions around a residual connection; the length stays."""

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.body = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=padding, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


class TCN(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    width     channels of every block.
    dilations one block each; the receptive field is 1 + (kernel - 1) · their sum.
    dropout   inside the blocks and before the last layer.
    pool      frames that are averaged to one before the blocks: 2 halves their work. A window keeps its T.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        width: int = 192,
        kernel: int = 5,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 4, 2),
        dropout: float = 0.2,
        motion_gain: float = 3.0,
        coordinates: int = 2,
        streams: tuple[str, ...] = STREAMS,
        pool: int = 1,
    ) -> None:
        super().__init__()
        self.streams = Streams(skeleton, motion_gain, coordinates, streams)
        self.stem = nn.Sequential(
            nn.BatchNorm1d(self.streams.channels), nn.Conv1d(self.streams.channels, width, 1), nn.ReLU()
        )
        self.pool = nn.AvgPool1d(pool) if pool > 1 else nn.Identity()
        self.blocks = nn.Sequential(*[_Block(width, kernel, d, dropout) for d in dilations])
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.blocks(self.pool(self.stem(self.streams(x))))
        logits: Tensor = self.head(torch.cat([h.mean(-1), h.amax(-1)], dim=1))
        return logits
