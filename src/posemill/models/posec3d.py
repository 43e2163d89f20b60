"""PoseC3D: Gaussian heatmaps of keypoints stacked in time, read by a 3-D convolutional network.

Duan et al., Revisiting Skeleton-based Action Recognition, CVPR 2022; the network is SlowOnly's, of three stages.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posemill.models.streams import check_coordinates
from posemill.pose.skeleton import Skeleton

EXPANSION = 4  # a bottleneck's last convolution has so many times the channels of its others


class Heatmaps(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, planes·K, T / every, cells, cells): one Gaussian a keypoint and frame.

    cells  side of a heatmap. sigma: of the Gaussian, in cells.
    reach  the heatmap shows what lies within so many units of the window's centre; what is farther out stays at the
           border.
    every  of so many frames one is read.
    With three coordinates there are two planes, seen from the front (x, y) and from the side (z, y).
    """

    centres: Tensor

    def __init__(
        self, skeleton: Skeleton, cells: int, sigma: float, reach: float, every: int, coordinates: int
    ) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-reach, reach, cells), persistent=False)
        self.reach, self.every = reach, every
        self.precision = 0.5 / (sigma * 2 * reach / (cells - 1)) ** 2
        self.planes = (0,) if check_coordinates(coordinates) == 2 else (0, 2)
        self.channels = len(self.planes) * len(skeleton)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, channels, T / every, cells, cells)."""
        *along, down = [self._bumps(x[:, :: self.every, :, axis]) for axis in (*self.planes, 1)]
        heat = torch.cat([down[:, :, :, None] * across[:, :, None] for across in along], dim=-1)
        return heat.permute(0, 4, 1, 2, 3)  # a view: channels last in memory, which convolutions are quicker with

    def _bumps(self, positions: Tensor) -> Tensor:
        """(B, T, K) → (B, T, cells, K): a Gaussian along one axis; the product of two is one in the plane."""
        away = positions.clamp(-self.reach, self.reach)[:, :, None] - self.centres[:, None]
        return torch.exp(-self.precision * away.square())


def _convolution(
    channels_in: int, channels_out: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, kernel, stride, padding, bias=False), nn.BatchNorm3d(channels_out)
    )


class _Bottleneck(nn.Module):
    """1×1, 3×3 in the plane, 1×1, around a residual connection; an inflated one looks three frames far."""

    def __init__(self, channels_in: int, width: int, stride: tuple[int, int, int], inflated: bool) -> None:
        super().__init__()
        out = EXPANSION * width
        self.reduce = _convolution(channels_in, width, (3 if inflated else 1, 1, 1))
        self.plane = _convolution(width, width, (1, 3, 3), stride)
        self.expand = _convolution(width, out, (1, 1, 1))
        same = channels_in == out and stride == (1, 1, 1)
        self.skip = nn.Identity() if same else _convolution(channels_in, out, (1, 1, 1), stride)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.plane(torch.relu(self.reduce(x))))
        return torch.relu(self.expand(h) + self.skip(x))


class PoseC3D(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    base     channels of the first layer; they double in every stage.
    blocks   bottlenecks a stage; every stage halves the heatmap, all but the first look at neighbouring frames, and
             the last halves time.
    stem     side of the first convolution.
    dropout  before the last layer.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        cells: int = 24,
        sigma: float = 0.6,
        reach: float = 3.5,
        every: int = 2,
        base: int = 16,
        blocks: tuple[int, ...] = (1, 2, 1),
        stem: int = 3,
        dropout: float = 0.3,
        coordinates: int = 2,
    ) -> None:
        super().__init__()
        self.heatmaps = Heatmaps(skeleton, cells, sigma, reach, every, coordinates)
        self.stem = nn.Sequential(
            _convolution(self.heatmaps.channels, base, (1, stem, stem)),
            nn.ReLU(),
            nn.MaxPool3d((1, 3, 3), 1, (0, 1, 1)),
        )
        layers: list[nn.Module] = []
        channels = base
        for stage, count in enumerate(blocks):
            for i in range(count):
                stride = (1, 1, 1) if i else (2 if 0 < stage == len(blocks) - 1 else 1, 2, 2)
                layers.append(_Bottleneck(channels, base * 2**stage, stride, stage > 0))
                channels = EXPANSION * base * 2**stage
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        h = self.blocks(self.stem(self.heatmaps(x)))
        logits: Tensor = self.head(h.mean((2, 3, 4)))
        return logits


class PoseC3DSlowOnly(PoseC3D):
    """PoseC3D in its published size: SlowOnly-R50 without the last stage on heatmaps of 56 × 56. For a GPU."""

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        cells: int = 56,
        sigma: float = 0.6,
        reach: float = 3.5,
        every: int = 1,
        base: int = 32,
        blocks: tuple[int, ...] = (4, 6, 3),
        stem: int = 7,
        dropout: float = 0.5,
        coordinates: int = 2,
    ) -> None:
        super().__init__(skeleton, classes, cells, sigma, reach, every, base, blocks, stem, dropout, coordinates)
