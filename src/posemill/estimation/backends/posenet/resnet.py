"""PoseNet with a ResNet50 body, and what turns a picture into either PoseNet's input."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from posemill.errors import CheckpointError
from posemill.estimation.backends.posenet.network import FIELDS

_MEAN = (123.15, 115.90, 103.06)  # RGB; what the ResNet50 models were trained with, the MobileNets take -1..1


class FromPicture(nn.Module):
    """(1, H, W, 3) uint8 RGB to the raw fields of a network, as the only item of a list."""

    shift: Tensor

    def __init__(self, network: nn.Module, caffe: bool) -> None:
        super().__init__()
        self.network = network
        shift = torch.tensor(_MEAN if caffe else (127.5,) * 3).view(1, 3, 1, 1)
        self.register_buffer("shift", shift)
        self.scale = 1.0 if caffe else 1 / 127.5

    def forward(self, picture: Tensor) -> list[Tensor]:
        """See the class."""
        return [self.network((picture.permute(0, 3, 1, 2).float() - self.shift) * self.scale)]


class PoseNetResNet50(nn.Module):
    """(B, 3, H, W) RGB 0..255 less the mean to raw fields (B, 115, h, w), as posenet.PoseNet gives them.

    stride  16 (the last stage is dilated instead) or 32; sides must be 16n + 1 or 32n + 1.
    """

    def __init__(self, stride: int) -> None:
        from torchvision.models import resnet50

        super().__init__()
        whole = resnet50(weights=None, replace_stride_with_dilation=[False, False, stride == 16])
        self.body = nn.Sequential(*list(whole.children())[:-2])
        self.fields = nn.Conv2d(2048, FIELDS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.fields(self.body(x))
        return out


def load_resnet(path: Path) -> PoseNetResNet50:
    """From a safetensors file whose metadata say `stride`: 16 or 32; CheckpointError if the weights do not fit."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    with safe_open(path, "pt") as file:
        stride = (file.metadata() or {}).get("stride")
    if stride not in ("16", "32"):
        raise CheckpointError(f"{path}: its metadata should say `stride`: 16 or 32, came {stride}; save it with that")
    network = PoseNetResNet50(int(stride))
    try:
        network.load_state_dict(
            {name: t.float() if t.is_floating_point() else t for name, t in load_file(path).items()}
        )
    except RuntimeError as exc:
        raise CheckpointError(f"{path} does not hold PoseNet ResNet50 weights: {str(exc)[:300]}") from exc
    return network.eval()
