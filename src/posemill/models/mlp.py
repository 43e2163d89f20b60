"""Multilayer perceptron on the geometry of a pose: for still poses, where motion says nothing."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from posemill.models.streams import check_coordinates
from posemill.pose.skeleton import Skeleton


class PoseGeometry(nn.Module):
    """Poses (..., K, 3), normalised → (..., features).

    Positions, direction of every edge, cosines of the angles between edges that meet, distances of all pairs of
    keypoints. Positions and directions are those of the picture, so up and down stay apart.
    """

    pairs: Tensor
    edges: Tensor
    angles: Tensor

    def __init__(self, skeleton: Skeleton, coordinates: int) -> None:
        super().__init__()
        edges = skeleton.edge_index.tolist()
        meet = [(a, b) for a, b in combinations(range(len(edges)), 2) if set(edges[a]) & set(edges[b])]
        lists = {"pairs": list(combinations(range(len(skeleton)), 2)), "edges": edges, "angles": meet}
        for name, rows in lists.items():
            self.register_buffer(name, torch.tensor(rows, dtype=torch.int64).reshape(-1, 2), persistent=False)
        self.coordinates = check_coordinates(coordinates)
        self.features = len(lists["pairs"]) + len(meet) + coordinates * (len(edges) + len(skeleton))

    def forward(self, x: Tensor) -> Tensor:
        """(..., K, 3) → (..., features)."""
        positions = x[..., : self.coordinates]
        bones = positions[..., self.edges[:, 1], :] - positions[..., self.edges[:, 0], :]
        direction = bones / _length(bones)[..., None]
        apart = positions[..., self.pairs[:, 1], :] - positions[..., self.pairs[:, 0], :]
        cosines = (direction[..., self.angles[:, 0], :] * direction[..., self.angles[:, 1], :]).sum(-1)
        return torch.cat([positions.flatten(-2), direction.flatten(-2), cosines, _length(apart)], dim=-1)


class MLP(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits; of a window the geometry's mean over time counts.

    width    of the hidden layers; `depth` is how many there are.
    dropout  before every layer but the first, and a third of it before that.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        classes: int,
        width: int = 128,
        depth: int = 1,
        dropout: float = 0.3,
        coordinates: int = 2,
    ) -> None:
        super().__init__()
        self.geometry = PoseGeometry(skeleton, coordinates)
        layers: list[nn.Module] = [nn.BatchNorm1d(self.geometry.features), nn.Dropout(dropout / 3)]
        before = self.geometry.features
        for _ in range(depth):
            layers += [nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
            before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        logits: Tensor = self.head(self.body(self.geometry(x).mean(1)))
        return logits


def _length(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(-1) + 1e-4).sqrt()
