"""A checkpoint's network as the runtimes take it: bytes in, fields out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from posemill.estimation.backends.openpifpaf.library import openpifpaf
from posemill.estimation.backends.openpifpaf.shuffles import without_shuffles

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which OpenPifPaf's networks expect


class FromBytes(nn.Module):
    """(1, H, W, 3) uint8 RGB to the fields of the first two heads, CIF and CAF."""

    mean: Tensor
    std: Tensor

    def __init__(self, shell: Any) -> None:
        super().__init__()
        self.shell = shell
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        bytes_first = picture.permute(0, 3, 1, 2).to(torch.float32)
        cif, caf = self.shell((bytes_first / 255 - self.mean) / self.std)[:2]
        return cif, caf


def from_bytes(shell: Any) -> FromBytes:
    """The network, ready to be run and to be exported."""
    # ONNX exports of the in-place form are silently wrong; OpenVINO takes both, the other way is as exact
    openpifpaf.network.heads.CompositeField4.inplace_ops = False
    return FromBytes(without_shuffles(shell)).eval()
