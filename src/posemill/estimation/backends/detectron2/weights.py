"""Detectron2's keypoint model: its own library where that is installed, or its weights in torchvision's network.

The weights are those of its model zoo, COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x or _3x (a pickle of arrays).
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.backends.detectron2.pickled_arrays import read_arrays
from posemill.estimation.backends.keypoint_rcnn.backend import KeypointRcnn, RcnnCheckpoint
from posemill.estimation.runtimes.graph_file import checked
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams

if TYPE_CHECKING:
    from torch import Tensor

# Detectron2's name (a pattern) and torchvision's, with what one index becomes in the other
_BODY = "backbone.body."
_NAMES: tuple[tuple[str, str], ...] = (
    (r"backbone\.bottom_up\.stem\.conv1\.(weight)", _BODY + r"conv1.\1"),
    (r"backbone\.bottom_up\.stem\.conv1\.norm\.(\w+)", _BODY + r"bn1.\1"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.(weight)", _BODY + r"layer<\1-1>.\2.downsample.0.\3"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.norm\.(\w+)", _BODY + r"layer<\1-1>.\2.downsample.1.\3"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.(weight)", _BODY + r"layer<\1-1>.\2.conv\3.\4"),
    (r"backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.norm\.(\w+)", _BODY + r"layer<\1-1>.\2.bn\3.\4"),
    (r"backbone\.fpn_lateral(\d)\.(\w+)", r"backbone.fpn.inner_blocks.<\1-2>.0.\2"),
    (r"backbone\.fpn_output(\d)\.(\w+)", r"backbone.fpn.layer_blocks.<\1-2>.0.\2"),
    (r"proposal_generator\.rpn_head\.conv\.(\w+)", r"rpn.head.conv.0.0.\1"),
    (r"proposal_generator\.rpn_head\.objectness_logits\.(\w+)", r"rpn.head.cls_logits.\1"),
    (r"proposal_generator\.rpn_head\.anchor_deltas\.(\w+)", r"rpn.head.bbox_pred.\1"),
    (r"roi_heads\.box_head\.fc(\d)\.(\w+)", r"roi_heads.box_head.fc<\1+5>.\2"),
    (r"roi_heads\.box_predictor\.(cls_score|bbox_pred)\.(\w+)", r"roi_heads.box_predictor.\1.\2"),
    (r"roi_heads\.keypoint_head\.conv_fcn(\d)\.(\w+)", r"roi_heads.keypoint_head.<\1*2-2>.\2"),
    (r"roi_heads\.keypoint_head\.score_lowres\.(\w+)", r"roi_heads.keypoint_predictor.kps_score_lowres.\1"),
)
_IGNORED = re.compile(r"pixel_mean|pixel_std|.*anchor_generator\.cell_anchors.*")


def load(params: LabelParams) -> PoseBackend:
    """label.checkpoint is the model zoo's .pkl file; without one, the library itself with its own download.

    Errors: CheckpointError without either, for a wrong digest, or for weights of another network.
    """
    path = Path(params.checkpoint)
    if path.suffix == ".pkl" and path.is_file():
        return KeypointRcnn("detectron2", read_zoo(path, params), params, __name__)
    if find_spec("detectron2") is None:
        raise CheckpointError(
            f"no checkpoint {params.checkpoint}: label.checkpoint should be the file model_final_*.pkl of Detectron2's "
            "COCO-Keypoints/keypoint_rcnn_R_50_FPN; or install the package detectron2, which fetches it"
        )
    from posemill.estimation.backends.detectron2.library import Detectron2Library

    return Detectron2Library(params)


def read_zoo(path: Path, params: LabelParams) -> RcnnCheckpoint:
    """torchvision's network in Detectron2's variant, with the weights of that file."""
    from posemill.estimation.backends.keypoint_rcnn.network import DETECTRON2, build, fill

    digest = checked(path, params.checkpoint_sha256)
    content = read_arrays(path)
    arrays = content.get("model", content) if isinstance(content, dict) else {}
    network = build(DETECTRON2, params.long_edge_px, params.instance_threshold)
    fill(network, to_torchvision(arrays, path), path)
    return RcnnCheckpoint(str(path), digest, network)


def to_torchvision(arrays: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """Detectron2's arrays as torchvision's state dict.

    Its pictures are BGR, its background is the last class, and boxes are given for persons only.
    """
    import torch

    weights = {}
    for name, array in arrays.items():
        if _IGNORED.fullmatch(name):
            continue
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            raise CheckpointError(f"{path}: {name} should be an array of floats, came {type(array).__name__}")
        weights[torchvision_name(name, path)] = _rearranged(name, array)
    _complete(weights)
    return {name: torch.from_numpy(np.ascontiguousarray(array, np.float32)) for name, array in weights.items()}


def torchvision_name(name: str, path: Path) -> str:
    """Return torchvision's name of a weight; CheckpointError for one that Detectron2's keypoint model lacks."""
    for pattern, other in _NAMES:
        if match := re.fullmatch(pattern, name):
            return re.sub(r"<(\d)([-+*\d]+)>", _count, match.expand(other))
    raise CheckpointError(f"{path}: {name} is no weight of Detectron2's keypoint_rcnn_R_50_FPN")


def _count(found: re.Match[str]) -> str:
    """The small sum in a name: `3-1`, `1+5`, `2*2-2`."""
    value = int(found[1])
    for sign, number in re.findall(r"([-+*])(\d)", found[2]):
        value = {"-": value - int(number), "+": value + int(number), "*": value * int(number)}[sign]
    return str(value)


def _rearranged(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if name.endswith("stem.conv1.weight"):
        return array[:, ::-1]
    if ".cls_score." in name:
        return array[::-1]
    if ".bbox_pred." in name:
        return np.concatenate([np.zeros_like(array), array])
    return array


def _complete(weights: dict[str, NDArray[Any]]) -> None:
    """Early files fold the batch statistics into scale and shift and leave them out."""
    from posemill.estimation.backends.keypoint_rcnn.network import DETECTRON2

    for name in [n for n in weights if re.search(r"(\.bn\d|^bn\d|downsample\.1)\.weight$", n)]:
        stem = name.removesuffix("weight")
        weights.setdefault(f"{stem}running_mean", np.zeros_like(weights[name]))
        weights.setdefault(f"{stem}running_var", np.ones_like(weights[name]) - np.float32(DETECTRON2.norm_eps))
