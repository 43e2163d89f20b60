"""Linear baseline that every network must beat: multinomial logistic regression on geometry of pose and motion.

It has no gradient epochs: `solve` finds the one best answer for all train windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from posemill.models.streams import check_coordinates, motion
from posemill.pose.skeleton import Skeleton

ITERATIONS = 200


class Geometry(nn.Module):
    """Normalised windows (B, T, K, 3) → (B, features): pose geometry, its spread and its motion.

    A frame is described by the distances of all pairs of keypoints, the cosines of the angles between edges that meet,
    and the direction of every edge; a window by mean, standard deviation and mean absolute motion of each.
    """

    pairs: Tensor
    edges: Tensor
    angles: Tensor

    def __init__(self, skeleton: Skeleton, motion_gain: float, coordinates: int) -> None:
        super().__init__()
        edges = skeleton.edge_index.tolist()
        meet = [(a, b) for a, b in combinations(range(len(edges)), 2) if set(edges[a]) & set(edges[b])]
        lists = {"pairs": list(combinations(range(len(skeleton)), 2)), "edges": edges, "angles": meet}
        for name, rows in lists.items():
            self.register_buffer(name, torch.tensor(rows, dtype=torch.int64).reshape(-1, 2), persistent=False)
        self.motion_gain, self.coordinates = motion_gain, check_coordinates(coordinates)
        self.features = 3 * (len(lists["pairs"]) + len(meet) + coordinates * len(edges))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, features)."""
        positions = x[..., : self.coordinates]
        bones = positions[:, :, self.edges[:, 1]] - positions[:, :, self.edges[:, 0]]
        direction = bones / _length(bones)[..., None]
        frames = torch.cat(
            [
                _length(positions[:, :, self.pairs[:, 1]] - positions[:, :, self.pairs[:, 0]]),
                (direction[:, :, self.angles[:, 0]] * direction[:, :, self.angles[:, 1]]).sum(-1),
                direction.flatten(2),
            ],
            dim=2,
        )
        middle = frames.mean(1)
        spread = ((frames - middle[:, None]).square().mean(1) + 1e-6).sqrt()
        return torch.cat([middle, spread, motion(frames, self.motion_gain).abs().mean(1)], dim=1)


def _length(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(-1) + 1e-6).sqrt()


class Linear(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes) logits.

    penalty  of the squared weights, against learning train windows by heart.
    """

    def __init__(
        self, skeleton: Skeleton, classes: int, penalty: float = 1e-3, motion_gain: float = 3.0, coordinates: int = 2
    ) -> None:
        super().__init__()
        self.penalty = penalty
        self.geometry = Geometry(skeleton, motion_gain, coordinates)
        self.norm = nn.BatchNorm1d(self.geometry.features, affine=False)
        self.head = nn.Linear(self.geometry.features, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        logits: Tensor = self.head(self.norm(self.geometry(x)))
        return logits

    def solve(self, batches: Iterable[Tensor], target: Tensor) -> float:
        """Fit to all windows of `batches` (B, T, K, 3), whose classes are `target` (N,); returns the mean loss."""
        with torch.no_grad():
            features = torch.cat([self.geometry(x) for x in batches])
            self.norm.running_mean, self.norm.running_var = features.mean(0), features.var(0, correction=0)
            features = self.norm.eval()(features)
        search = torch.optim.LBFGS(self.head.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            search.zero_grad()
            fit = functional.cross_entropy(self.head(features), target)
            penalised = fit + 0.5 * self.penalty * self.head.weight.square().sum()
            penalised.backward()  # type: ignore[no-untyped-call]
            return penalised

        search.step(loss)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            return float(functional.cross_entropy(self.head(features), target))
