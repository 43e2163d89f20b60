"""Keypoint R-CNN (ResNet50, feature pyramid) as torchvision builds it, and as Detectron2 does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.keypoint_rcnn import KeypointRCNN
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign, roi_align
from torchvision.ops.poolers import LevelMapper

from posemill.errors import CheckpointError

LEVELS = ("0", "1", "2", "3")
SIZES = ((32,), (64,), (128,), (256,), (512,))


@dataclass(frozen=True, slots=True)
class Variant:
    """In what the two differ, with the same layers.

    mean, std           of RGB in 0..1.
    norm_eps            of the frozen batch normalisation.
    stride_in_1x1       where a stage halves its input: in the first convolution of a bottleneck or in the second.
    aligned             whether regions are pooled half a pixel to the left, as many samples as it takes.
    rounded_anchors     whether anchors are whole pixels.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    norm_eps: float
    stride_in_1x1: bool
    aligned: bool
    rounded_anchors: bool


TORCHVISION = Variant((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.0, False, False, True)
# of its ImageNet models by MSRA: mean of 0..255, no standard deviation
DETECTRON2 = Variant((123.675 / 255, 116.28 / 255, 103.53 / 255), (1 / 255,) * 3, 1e-5, True, True, False)


class AlignedRoIAlign(MultiScaleRoIAlign):  # type: ignore[misc]
    """Detectron2's pooling (ROIAlignV2) behind torchvision's interface."""

    def __init__(self, size: int) -> None:
        super().__init__(list(LEVELS), size, sampling_ratio=0)
        self._level = LevelMapper(2, 5, canonical_scale=224, canonical_level=4)

    def forward(self, x: Mapping[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        """Features of 4 levels and (N, 4) boxes a picture to (sum of N, C, size, size)."""
        levels = self._level(boxes)
        rows = torch.cat([torch.cat([torch.full_like(b[:, :1], i), b], 1) for i, b in enumerate(boxes)])
        out = rows.new_zeros((len(rows), x[LEVELS[0]].shape[1], *self.output_size))
        for number, name in enumerate(LEVELS):
            here = torch.where(levels == number)[0]
            scale = 1 / (4 * 2**number)
            out[here] = roi_align(x[name], rows[here], self.output_size, scale, sampling_ratio=0, aligned=True)
        return out


class ExactAnchors(AnchorGenerator):  # type: ignore[misc]
    """Anchors that are not rounded to whole pixels."""

    def generate_anchors(
        self,
        scales: list[int],
        aspect_ratios: list[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> Tensor:
        """(R, 4): an anchor for every ratio of height to width, around 0."""
        ratios = torch.as_tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        sides = torch.as_tensor(scales, dtype=dtype, device=device)
        heights, widths = (ratios[:, None] * sides).flatten(), (sides / ratios[:, None]).flatten()
        return torch.stack([-widths, -heights, widths, heights], 1) / 2


def build(variant: Variant, long_edge_px: int, least_sure: float) -> KeypointRCNN:
    """The network with random weights, ready to run.

    long_edge_px  to which pictures are scaled.
    least_sure    people with a lower score are left out.
    """
    body = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
    if variant.stride_in_1x1:
        for stage in (body.layer2, body.layer3, body.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    ratios = ((0.5, 1.0, 2.0),) * len(SIZES)
    network = KeypointRCNN(
        _resnet_fpn_extractor(body, 0),
        num_classes=2,
        num_keypoints=17,
        min_size=long_edge_px,
        max_size=long_edge_px,
        image_mean=variant.mean,
        image_std=variant.std,
        rpn_anchor_generator=(AnchorGenerator if variant.rounded_anchors else ExactAnchors)(SIZES, ratios),
        box_roi_pool=_pool(variant, 7),
        keypoint_roi_pool=_pool(variant, 14),
        box_score_thresh=least_sure,
    )
    for layer in network.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.eps = variant.norm_eps
    return network.eval()


def _pool(variant: Variant, size: int) -> nn.Module:
    return AlignedRoIAlign(size) if variant.aligned else MultiScaleRoIAlign(list(LEVELS), size, 2)


def fill(network: KeypointRCNN, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into the network; CheckpointError unless every one of both fits."""
    kept = {name: tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}
    try:
        network.load_state_dict(kept)
    except (RuntimeError, AttributeError, TypeError) as exc:
        raise CheckpointError(f"{path} does not hold Keypoint R-CNN ResNet50-FPN weights: {str(exc)[:300]}") from exc
