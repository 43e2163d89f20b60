"""ONNX export of a trained network, and its conversion to OpenVINO.

Batch size and number of frames are dynamic, weights are embedded, and the files contain no paths of the machine that
wrote them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import PosemillError

if TYPE_CHECKING:
    from torch import nn

    from posemill.pose.skeleton import Skeleton

INPUT, OUTPUT = "windows", "logits"
MIN_FRAMES = 8  # of a window
_BLOCK = 1 << 20


def to_onnx(network: nn.Module, frames: int, skeleton: Skeleton, path: Path) -> Path:
    """Export `network` (B, T, K, 3) → (B, C), in eval mode, to an ONNX file. The same weights give the same bytes.

    B is dynamic, and T from MIN_FRAMES on; `frames` is the T that the network was trained with.
    """
    import torch

    example = torch.zeros(2, frames, len(skeleton), 3)
    with warnings.catch_warnings():
        # torch 2.13's exporter copies its own deprecated tree specification
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch"), 1: torch.export.Dim("frames", min=MIN_FRAMES)},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    _write_without_traces(program.model_proto, path)
    return path


def to_openvino(model: Path, path: Path) -> Path:
    """Convert an ONNX file to OpenVINO: `path` (.xml) and, beside it, the weights (.bin), in full precision.

    The same ONNX file gives the same bytes.
    """
    library = openvino()
    graph = library.Core().read_model(model)
    for number, step in enumerate(graph.get_ordered_ops()):  # default names depend on what the process has read before
        step.set_friendly_name(f"{step.get_type_name()}_{number}")
    return save_openvino(graph, path)


def posenet_to_openvino(path: Path) -> Path:
    """Convert the embedded PoseNet to OpenVINO: `path` (.xml) and the weights (.bin), in full precision.

    The network takes pictures (1, H, W, 3) uint8 RGB of any sides of 16n + 1 and gives raw fields (1, 115, h, w).
    """
    import torch

    from posemill.estimation.backends.posenet.checkpoints import EMBEDDED, find_checkpoint

    module = find_checkpoint(EMBEDDED, None).module()
    with warnings.catch_warnings(), torch.no_grad():  # tracing warns of the list that it returns
        warnings.simplefilter("ignore")
        picture = torch.zeros((1, 145, 257, 3), dtype=torch.uint8)
        traced = torch.jit.trace(module, picture, check_trace=False)  # type: ignore[no-untyped-call]
    library = openvino()
    graph = library.convert_model(traced, input=([1, -1, -1, 3], library.Type.u8))
    return save_openvino(graph, path)


def save_openvino(graph: Any, path: Path, fp16: bool = False) -> Path:
    """Write a network as `path` (.xml) and, beside it, its weights (.bin).

    Errors: OSError, with its number, where the disk is the reason; OpenVINO itself says no more than "iostream error".
    """
    try:
        openvino().save_model(graph, path, compress_to_fp16=fp16)
    except RuntimeError as exc:
        try:
            _try_disk(path, _weights_bytes(graph))
        finally:
            for part in (path, path.with_suffix(".bin")):
                part.unlink(missing_ok=True)
        raise PosemillError(f"OpenVINO does not write {path}: {' '.join(str(exc).split())[-300:]}") from exc
    return path


def _try_disk(path: Path, size: int) -> None:
    """Write as much beside `path`, before what was left of it is removed: the same disk gives its reason."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:
        for _ in range(0, size, _BLOCK):
            file.write(bytes(_BLOCK))
        file.flush()
        os.fsync(file.fileno())


def _weights_bytes(graph: Any) -> int:
    sizes = (int(step.get_byte_size()) for step in graph.get_ops() if step.get_type_name() == "Constant")
    return _BLOCK + sum(sizes)


def openvino() -> Any:
    """Import OpenVINO with its telemetry disabled."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _write_without_traces(model: object, path: Path) -> None:
    """Remove source files and call stacks from the nodes, since they contain local paths."""
    import onnx

    assert isinstance(model, onnx.ModelProto)
    onnx.checker.check_model(model)
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        nodes = [graph, *graph.node, *getattr(graph, "input", ()), *getattr(graph, "output", ()), *graph.value_info]
        for item in [*nodes, *getattr(graph, "initializer", ())]:
            if not isinstance(item, str):
                del item.metadata_props[:]
                item.doc_string = ""
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))
