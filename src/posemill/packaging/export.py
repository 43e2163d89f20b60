"""A trained network as one ONNX file: batch of any size, weights inside, no trace of the machine that wrote it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from posemill.pose.skeleton import Skeleton

INPUT, OUTPUT = "windows", "logits"


def to_onnx(network: nn.Module, frames: int, body: Skeleton, path: Path) -> Path:
    """Write `network` (B, T, K, 3) → (B, C), in eval mode, to `path`. The same weights give the same bytes."""
    import torch

    example = torch.zeros(2, frames, len(body), 3)
    with warnings.catch_warnings():
        # torch 2.13's exporter copies its own deprecated tree specification
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    _write_without_traces(program.model_proto, path)
    return path


def _write_without_traces(model: object, path: Path) -> None:
    """The exporter notes source files and call stacks in every node; they name folders of this machine."""
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
