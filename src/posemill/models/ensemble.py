"""Late fusion: several trained networks that look at the same windows and answer as one."""

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
    mirrored  every member is also asked about the mirrored window, in which left and right have changed names: an
              activity is the same in a mirror, and what a network makes of one side only averages out.
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


def fuse(
    members: Sequence[tuple[nn.Module, NetworkCard]], body: Skeleton, mirrored: bool = False
) -> tuple[Ensemble, NetworkCard]:
    """One network, and its card, from trained ones with the same skeleton, classes and frames."""
    from dataclasses import replace

    first = members[0][1]
    described = [{"name": card.name, "hyper": card.hyper} for _, card in members]
    ensemble = Ensemble(body, len(first.classes), described, mirrored)
    for place, (network, _) in zip(ensemble.members, members, strict=True):
        place.load_state_dict(network.state_dict())
    return ensemble.eval(), replace(first, name="ensemble", hyper={"members": described, "mirrored": mirrored})
