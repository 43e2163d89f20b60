"""Ensemble (late fusion): several trained networks that read the same windows and predict as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    from posemill.models.registry import NetworkCard


class Ensemble(nn.Module):
    """(B, T, K, 3) normalised windows → (B, classes): the mean of its members' log-probabilities.

    members   one mapping each: `name` in NETWORKS and `hyper`. They differ in streams, architecture or seed.
    mirrored  test-time augmentation: every member also predicts on the mirrored window, in which left and right have
              changed names.
    The mean of log-probabilities serves as logits: softmax makes the normalised geometric mean of the members of it,
    which is also how windows become the verdict of a clip.
    """

    flip: Tensor

    def __init__(
        self, skeleton: Skeleton, classes: int, members: Sequence[Mapping[str, Any]], mirrored: bool = False
    ) -> None:
        from posemill.models.registry import build

        super().__init__()
        self.members = nn.ModuleList(build(m["name"], skeleton, classes, **m["hyper"]) for m in members)
        self.mirrored = mirrored
        self.register_buffer("flip", torch.from_numpy(skeleton.flip_index), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, K, 3) → (B, classes)."""
        views = [x, torch.cat([-x[:, :, self.flip, :1], x[:, :, self.flip, 1:]], -1)] if self.mirrored else [x]
        return torch.stack([member(view).log_softmax(-1) for member in self.members for view in views]).mean(0)


def make_ensemble(
    members: Sequence[tuple[nn.Module, NetworkCard]], skeleton: Skeleton, mirrored: bool = False
) -> tuple[Ensemble, NetworkCard]:
    """Make one network, and its card, of trained ones with the same skeleton, classes and frames."""
    from dataclasses import replace

    first = members[0][1]
    described = [{"name": card.name, "hyper": card.hyper} for _, card in members]
    ensemble = Ensemble(skeleton, len(first.classes), described, mirrored)
    for member, (network, _) in zip(ensemble.members, members, strict=True):
        member.load_state_dict(network.state_dict())
    return ensemble.eval(), replace(first, name="ensemble", hyper={"members": described, "mirrored": mirrored})
