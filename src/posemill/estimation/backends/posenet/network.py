"""PoseNet (MobileNetV1 0.75, output stride 16) as a plain network, and its embedded weights.

Google's model for many people in one picture: Papandreou et al., PersonLab (ECCV 2018).
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import relu6

from posemill.errors import CheckpointError
from posemill.estimation.backends.posenet.decoder import TREE

WEIGHTS = Path(__file__).parents[2] / "weights" / "posenet-mobilenetv1-075.safetensors"
EMBEDDED_SHA256 = "523cd2f0e245fead591ae64a99649dbc6be7fc1b0a7b88f095ba3f53d0a9facc"

KEYPOINTS, EDGES, STRIDE = 17, len(TREE), 16
FIELDS = KEYPOINTS + 2 * KEYPOINTS + 4 * EDGES  # heat, offsets, displacements forward and backward

_WIDTHS = (24, 48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 384, 384)
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1)


class SeparableConv(nn.Module):
    """A depthwise 3x3 convolution and a pointwise one, both with ReLU6; batch normalisation is folded in."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, 1, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H / stride, W / stride)."""
        return relu6(self.pointwise(relu6(self.depthwise(x))))


class PoseNet(nn.Module):
    """Raw fields of a picture.

    Input   (B, 3, H, W) float, RGB in -1..1; sides 16n + 1, where padding by 1 equals TensorFlow's SAME.
    Output  (B, 115, n_h + 1, n_w + 1): 17 heat logits; 34 offsets (all y, then all x); 32 displacements from
            parent to child (all y, then all x); 32 from child to parent; pixels of the input.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _WIDTHS[0], 3, 2, 1)
        blocks = (SeparableConv(a, b, s) for (a, b), s in zip(pairwise(_WIDTHS), _STRIDES, strict=True))
        self.blocks = nn.Sequential(*blocks)
        self.fields = nn.Conv2d(_WIDTHS[-1], FIELDS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.fields(self.blocks(relu6(self.stem(x))))
        return out


def embedded_digest() -> str:
    """SHA-256 of the embedded weights as they lie on the disk."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def verify_embedded() -> None:
    """CheckpointError when the embedded weights are not the published ones."""
    digest = embedded_digest()
    if digest != EMBEDDED_SHA256:
        raise CheckpointError(
            f"{WEIGHTS}: SHA-256 should be {EMBEDDED_SHA256}, came as {digest}; the installation is damaged: "
            "run `make setup` again"
        )


def load_posenet(path: Path = WEIGHTS) -> PoseNet:
    """The network with weights from a safetensors file, float32, ready to run. CheckpointError if they do not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = PoseNet()
    try:
        network.load_state_dict({name: tensor.to(torch.float32) for name, tensor in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as exc:
        raise CheckpointError(f"{path} does not hold PoseNet MobileNetV1 0.75 weights: {exc}") from exc
    return network.eval()
