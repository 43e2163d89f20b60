"""Keypoint, bone and motion streams: the first layer of every network, so that every runtime gets the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

STREAMS = ("keypoint", "bone", "keypoint_motion", "bone_motion")


class Streams(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, channels, T), channels-first for 1-D networks.

    Keypoint positions, bones (child − parent along every edge) and the motion of both (forward difference, the last
    one repeated).

    coordinates  how many of the last axis are read: 2 for x and y (the third would tell which keypoints an annotator
                 hides), 3 for x, y and z.
    streams      which of STREAMS; their order does not matter.
    """

    edges: Tensor

    def __init__(
        self, skeleton: Skeleton, motion_gain: float = 3.0, coordinates: int = 2, streams: tuple[str, ...] = STREAMS
    ) -> None:
        super().__init__()
        self.register_buffer("edges", torch.from_numpy(skeleton.edge_index), persistent=False)
        self.motion_gain, self.coordinates, self.streams = (
            motion_gain,
            check_coordinates(coordinates),
            check_streams(streams),
        )
        points = sum(len(skeleton.edges if s.startswith("bone") else skeleton.keypoints) for s in self.streams)
        self.channels = coordinates * points

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, channels, T)."""
        positions = x[..., : self.coordinates]
        bones = positions[:, :, self.edges[:, 1]] - positions[:, :, self.edges[:, 0]]
        return torch.cat(_chosen(positions, bones, self.streams, self.motion_gain), dim=2).flatten(2).transpose(1, 2)


class KeypointStreams(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, T, K, channels) for networks that keep keypoints apart.

    Position, bone to the parent, motion of both. A keypoint with several parents gets the mean of its bones; one
    without any gets zero. `coordinates` and `streams` as in Streams.
    """

    incoming: Tensor

    def __init__(
        self, skeleton: Skeleton, motion_gain: float = 3.0, coordinates: int = 2, streams: tuple[str, ...] = STREAMS
    ) -> None:
        super().__init__()
        incoming = torch.zeros(len(skeleton), len(skeleton))
        for parent, child in skeleton.edge_index.tolist():
            incoming[child, child] += 1
            incoming[child, parent] -= 1
        count = incoming.diagonal().clamp(min=1)[:, None]
        self.register_buffer("incoming", incoming / count, persistent=False)
        self.motion_gain, self.coordinates, self.streams = (
            motion_gain,
            check_coordinates(coordinates),
            check_streams(streams),
        )
        self.channels = coordinates * len(self.streams)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, T, K, channels)."""
        positions = x[..., : self.coordinates]
        bones = torch.matmul(self.incoming, positions)
        return torch.cat(_chosen(positions, bones, self.streams, self.motion_gain), dim=-1)


def motion(x: Tensor, gain: float) -> Tensor:
    """Compute the forward difference along axis 1, times `gain`; the last step is repeated, so the length stays."""
    step = (x[:, 1:] - x[:, :-1]) * gain
    return torch.cat([step, step[:, -1:]], dim=1)


def _chosen(positions: Tensor, bones: Tensor, streams: tuple[str, ...], gain: float) -> list[Tensor]:
    """Positions and bones, then their motion; those that are asked for."""
    still = {"keypoint": positions, "bone": bones}
    return [motion(still[s.removesuffix("_motion")], gain) if s.endswith("_motion") else still[s] for s in streams]


def check_streams(streams: tuple[str, ...]) -> tuple[str, ...]:
    """Return streams in the order of STREAMS; InputError for an unknown one, none, or no list."""
    if isinstance(streams, str):
        raise InputError(f"streams should be a list of {', '.join(STREAMS)}; came {streams!r}")
    if unknown := sorted(set(streams) - set(STREAMS)):
        raise InputError(f"unknown stream {', '.join(unknown)}; known are {', '.join(STREAMS)}")
    if not streams:
        raise InputError(f"a network needs at least one stream of {', '.join(STREAMS)}")
    return tuple(s for s in STREAMS if s in streams)


def check_coordinates(coordinates: int) -> int:
    """Return the number of coordinates; InputError unless 2 or 3."""
    if coordinates not in (2, 3):
        raise InputError(f"coordinates should be 2 (x, y) or 3 (x, y, z), came {coordinates}")
    return coordinates
