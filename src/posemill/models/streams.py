"""Keypoint, bone and motion streams: the first layer of every network, so that every runtime gets the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posemill.pose.skeleton import Skeleton


class Streams(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, 2·K·2 + 2·E·2 , T) channels-first for 1-D networks, or per keypoint.

    Keypoint positions, bones (child − parent along every edge) and the motion of both (forward difference, the last
    one repeated). Only x and y are read: the third channel would tell which keypoints an annotator hides.
    """

    edges: Tensor

    def __init__(self, skeleton: Skeleton, motion_gain: float = 3.0) -> None:
        super().__init__()
        self.register_buffer("edges", torch.from_numpy(skeleton.edge_index), persistent=False)
        self.motion_gain = motion_gain
        self.points = len(skeleton) + len(skeleton.edges)
        self.channels = 4 * self.points

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, channels, T)."""
        xy = x[..., :2]
        bones = xy[:, :, self.edges[:, 1]] - xy[:, :, self.edges[:, 0]]
        points = torch.cat([xy, bones], dim=2)
        return torch.cat([points, motion(points, self.motion_gain)], dim=2).flatten(2).transpose(1, 2)


class KeypointStreams(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, C, T, K) for graph networks: position, bone to the parent, motion of both.

    A keypoint with several parents gets the mean of its bones; one without any gets zero.
    """

    incoming: Tensor

    channels = 8

    def __init__(self, skeleton: Skeleton, motion_gain: float = 3.0) -> None:
        super().__init__()
        incoming = torch.zeros(len(skeleton), len(skeleton))
        for parent, child in skeleton.edge_index.tolist():
            incoming[child, child] += 1
            incoming[child, parent] -= 1
        count = incoming.diagonal().clamp(min=1)[:, None]
        self.register_buffer("incoming", incoming / count, persistent=False)
        self.motion_gain = motion_gain

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, 8, T, K)."""
        xy = x[..., :2]
        both = torch.cat([xy, torch.matmul(self.incoming, xy)], dim=-1)
        return torch.cat([both, motion(both, self.motion_gain)], dim=-1).permute(0, 3, 1, 2)


def motion(x: Tensor, gain: float) -> Tensor:
    """Forward difference along axis 1, times `gain`; the last step is repeated, so the length stays."""
    step = (x[:, 1:] - x[:, :-1]) * gain
    return torch.cat([step, step[:, -1:]], dim=1)
