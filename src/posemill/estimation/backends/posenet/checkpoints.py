"""Weights for PoseNet: the embedded MobileNet, a safetensors file, or a TensorFlow.js model as Google published it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

EMBEDDED = "posenet"


@dataclass(frozen=True, slots=True)
class PoseNetCheckpoint:
    """Weights with their identity, and the way to build the network from them.

    sha256    of the file; of a TensorFlow.js model, of its JSON followed by its weight files.
    module    makes the network: (1, H, W, 3) uint8 RGB to raw fields (1, 115, h, w); see posenet.PoseNet.
    multiple  sides of the input are this much times n, and 1; of a file 32, which fits networks of both strides.
    """

    name: str
    sha256: str
    module: Callable[[], nn.Module]
    multiple: int = 32


def find_checkpoint(name: str, sha256: str | None) -> PoseNetCheckpoint:
    """`posenet` (embedded), a .safetensors file of MobileNet or ResNet50, or a model.json of TensorFlow.js.

    Errors: CheckpointError for a name that is none, or a wrong digest; what does not fit shows when `module` is called.
    """
    from posemill.estimation.backends.posenet.network import EMBEDDED_SHA256, STRIDE, WEIGHTS

    if name == EMBEDDED:
        digest = _checked([WEIGHTS], sha256 or EMBEDDED_SHA256)
        return PoseNetCheckpoint(name, digest, lambda: _safetensors(WEIGHTS), STRIDE)
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        from posemill.estimation.backends.posenet.tfjs import weight_files

        return PoseNetCheckpoint(name, _checked([path, *weight_files(path)], sha256), lambda: _tfjs(path))
    if path.suffix != ".safetensors" or not path.is_file():
        raise CheckpointError(
            f"no checkpoint {name}: label.checkpoint should be {EMBEDDED}, a .safetensors file, or the model.json of "
            "a TensorFlow.js PoseNet beside its weights"
        )
    return PoseNetCheckpoint(name, _checked([path], sha256), lambda: _safetensors(path))


def _checked(paths: list[Path], expected: str | None) -> str:
    whole = hashlib.sha256()
    for path in paths:
        try:
            whole.update(path.read_bytes())
        except OSError as exc:
            raise CheckpointError(f"{path} cannot be read: {exc.strerror}; put the whole model there") from exc
    if expected is not None and whole.hexdigest() != expected:
        raise CheckpointError(
            f"{paths[0]}: SHA-256 should be {expected}, came as {whole.hexdigest()}; the file is damaged or another "
            "one: replace it, or correct label.checkpoint_sha256"
        )
    return whole.hexdigest()


def _safetensors(path: Path) -> nn.Module:
    from safetensors import SafetensorError, safe_open

    from posemill.estimation.backends.posenet.network import load_posenet
    from posemill.estimation.backends.posenet.resnet import FromPicture, load_resnet

    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
    except (OSError, SafetensorError) as exc:
        raise CheckpointError(f"{path} is no safetensors file: {exc}") from exc
    if any(name.startswith("body.") for name in names):
        return FromPicture(load_resnet(path), caffe=True)
    return FromPicture(load_posenet(path), caffe=False)


def _tfjs(path: Path) -> nn.Module:
    from posemill.estimation.backends.posenet.resnet import FromPicture
    from posemill.estimation.backends.posenet.tfjs import Graph, read_graph

    graph = Graph(read_graph(path), ("heatmap", "offset", "displacement_fwd", "displacement_bwd"))
    return FromPicture(graph, caffe=any("resnet" in name for name in graph.order))
