"""PoseNet as an OpenPifPaf network: its fields as CIF and CAF for OpenPifPaf's own decoder.

A composite field holds, for every cell, a confidence, the keypoint (CIF) or the two keypoints (CAF) that the cell
votes for, and their sizes; all in cells. PoseNet gives the same: heat and offsets point to keypoints, displacements
lead along its tree of edges. Every cell of a keypoint's disc votes, in both directions of an edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from posemill.estimation.backends.openpifpaf.library import openpifpaf
from posemill.estimation.backends.posenet.decoder import TREE
from posemill.estimation.backends.posenet.network import EDGES, FIELDS, KEYPOINTS, STRIDE, PoseNet

COCO = openpifpaf.plugins.coco.constants
PARENTS = [parent for parent, _ in TREE]
CHILDREN = [child for _, child in TREE]

# Found by measuring mean OKS on photos with known keypoints.
REFINEMENTS = 2  # PersonLab's offset refinement sharpens the votes
HEAT_GAIN = 1.27  # OpenPifPaf expects 16 votes a keypoint; PoseNet's disc has about 12.6 cells
HEAT_POWER = 0.7
SIZE_GAIN = 2.0
MIN_SIZE_CELLS = 1.0


class PoseNetBase(openpifpaf.network.basenetworks.BaseNetwork):  # type: ignore[misc]
    """(B, 3, H, W) ImageNet-normalised picture to PoseNet's raw fields (B, 115, h, w)."""

    def __init__(self, posenet: PoseNet) -> None:
        super().__init__("posenet-mobilenetv1-075", stride=STRIDE, out_features=FIELDS)
        self.posenet = posenet
        # from ImageNet's normalisation to -1..1: 2 * (x * std + mean) - 1
        self.register_buffer("scale", 2 * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.register_buffer("shift", 2 * torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) - 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        raw: Tensor = self.posenet(x * self.scale + self.shift)
        return raw


class _Votes:
    """Votes of every cell of the raw fields (B, 115, h, w), in cells.

    heat               (B, 17, h, w) 0..1.
    keypoint           (B, 17, 2, h, w) x, y of the keypoint near the cell.
    child, parent      (B, 16, 2, h, w) where each edge leads from its parent, and from its child.
    """

    def __init__(self, raw: Tensor) -> None:
        batch, _, height, width = raw.shape
        cells = _cells(height, width, raw)
        _, offsets, forward, backward = torch.split(raw, [KEYPOINTS, 2 * KEYPOINTS, 2 * EDGES, 2 * EDGES], 1)

        def vectors(field: Tensor, count: int) -> Tensor:
            return field.view(batch, 2, count, height, width).flip(1).transpose(1, 2) / STRIDE  # y, x to x, y

        self.heat = torch.sigmoid(raw[:, :KEYPOINTS])
        self.offset = vectors(offsets, KEYPOINTS)
        self.keypoint = self.offset + cells
        # displacements are nearly constant over a keypoint's disc: they start at the keypoint, not at the cell
        self.child = vectors(forward, EDGES) + self.keypoint[:, PARENTS]
        self.parent = vectors(backward, EDGES) + self.keypoint[:, CHILDREN]

    def refined(self, xy: Tensor, keypoints: list[int]) -> Tensor:
        """Positions (B, N, 2, h, w) of those keypoints, moved by the offsets found where they point to."""
        for _ in range(REFINEMENTS):
            xy = xy + _at(self.offset[:, keypoints], xy)
        return xy


class PoseNetHead(openpifpaf.network.heads.HeadNetwork):  # type: ignore[misc]
    """Shared base of the CIF and CAF heads: the size of a keypoint, from the longest edge that meets there."""

    def __init__(self, meta: Any) -> None:
        super().__init__(meta, FIELDS)
        pose = COCO.COCO_UPRIGHT_POSE[:, :2]
        side = math.sqrt(np.ptp(pose[:, 0]) * np.ptp(pose[:, 1]))
        usual = [float(np.linalg.norm(pose[a] - pose[b])) / side for a, b in TREE]
        self.register_buffer("usual_length", torch.tensor(usual).view(1, EDGES, 1, 1))
        self.register_buffer("sigma", torch.tensor(COCO.COCO_PERSON_SIGMAS).float().view(1, KEYPOINTS, 1, 1))

    def sizes(self, votes: _Votes) -> Tensor:
        """(B, 17, h, w) cells: the person's side by its edges, times the keypoint's sigma."""
        down = (votes.child - votes.keypoint[:, PARENTS]).norm(dim=2) / self.usual_length
        up = (votes.parent - votes.keypoint[:, CHILDREN]).norm(dim=2) / self.usual_length
        both = torch.cat([down, up], 1)
        ends = PARENTS + CHILDREN
        longest = [both[:, [i for i, end in enumerate(ends) if end == k]].amax(1) for k in range(KEYPOINTS)]
        sizes: Tensor = torch.stack(longest, 1) * self.sigma * SIZE_GAIN
        return sizes.clamp(min=MIN_SIZE_CELLS)


class PoseNetCif(PoseNetHead):
    """Raw fields to CIF (B, 17, 5, h, w): nothing, confidence, x, y, size."""

    def forward(self, raw: Tensor) -> Tensor:
        """See the class."""
        votes = _Votes(raw)
        xy = votes.refined(votes.keypoint, list(range(KEYPOINTS)))
        confidence = votes.heat**HEAT_POWER * HEAT_GAIN
        return torch.stack([torch.zeros_like(confidence), confidence, *xy.unbind(2), self.sizes(votes)], 2)


class PoseNetCaf(PoseNetHead):
    """Raw fields to CAF (B, 16, 8, 2h, w): nothing, confidence, x, y of parent, of child, both sizes.

    Votes from the parent's side and from the child's stand below each other: the decoder only lists cells.
    """

    def forward(self, raw: Tensor) -> Tensor:
        """See the class."""
        votes, every = _Votes(raw), list(range(KEYPOINTS))
        sizes, own = self.sizes(votes), votes.refined(votes.keypoint, every)
        ends = [sizes[:, PARENTS], sizes[:, CHILDREN]]

        def associations(heat: Tensor, parent: Tensor, child: Tensor) -> Tensor:
            return torch.stack([torch.zeros_like(heat), heat, *parent.unbind(2), *child.unbind(2), *ends], 2)

        down = associations(votes.heat[:, PARENTS], own[:, PARENTS], votes.refined(votes.child, CHILDREN))
        up = associations(votes.heat[:, CHILDREN], votes.refined(votes.parent, PARENTS), own[:, CHILDREN])
        return torch.cat([down, up], 3)


def posenet_shell(posenet: PoseNet) -> Any:
    """OpenPifPaf's network of base and two heads, as its decoder and tools expect."""
    coco = {"keypoints": COCO.COCO_KEYPOINTS, "sigmas": COCO.COCO_PERSON_SIGMAS, "pose": COCO.COCO_UPRIGHT_POSE}
    cif = openpifpaf.headmeta.Cif(
        "cif", "cocokp", **coco, draw_skeleton=COCO.COCO_PERSON_SKELETON, score_weights=COCO.COCO_PERSON_SCORE_WEIGHTS
    )
    caf = openpifpaf.headmeta.Caf("caf", "cocokp", **coco, skeleton=[(a + 1, b + 1) for a, b in TREE])
    return openpifpaf.network.nets.Shell(PoseNetBase(posenet), [PoseNetCif(cif), PoseNetCaf(caf)]).eval()


def _cells(height: int, width: int, like: Tensor) -> Tensor:
    """(2, h, w): x and y of every cell."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=like.dtype, device=like.device),
        torch.arange(width, dtype=like.dtype, device=like.device),
        indexing="ij",
    )
    return torch.stack([x, y])


def _at(field: Tensor, xy: Tensor) -> Tensor:
    """field (B, N, C, h, w) at positions xy (B, N, 2, h, w) in cells, bilinear, border values beyond the border."""
    batch, count, channels, height, width = field.shape
    x, y = xy.unbind(2)
    places = torch.stack([x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1], -1)
    found = grid_sample(
        field.reshape(batch * count, channels, height, width),
        places.reshape(batch * count, height, width, 2),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return found.view(batch, count, channels, height, width)
