"""Numerical parity of an exported network with PyTorch, on real windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.packaging.export import openvino

if TYPE_CHECKING:
    from torch import nn

TOLERANCE = 1e-4  # of logits; float32 kernels differ by about 1e-6
OPEN_SET_TOLERANCE = (
    1e-3  # with a score, which sums squared distances: a probability differs by a quarter of it at most
)


def require_parity(model: Path, network: nn.Module, inputs: NDArray[np.float32], tolerance: float = TOLERANCE) -> float:
    """Return the largest difference of logits between an exported file and PyTorch.

    model   .onnx, run by ONNX Runtime, or .xml, run by OpenVINO.
    inputs  (N, T, K, 3) float32, as the feature pipeline's transform returns them; N > 0.
    Errors: CheckpointError if the difference exceeds `tolerance`.
    """
    logits = _by_openvino(model, inputs) if model.suffix == ".xml" else _by_onnx(model, inputs)
    difference = float(np.abs(logits - by_torch(network, inputs)).max())
    if not difference <= tolerance:  # also for NaN
        raise CheckpointError(
            f"logits of {model.name} differ from the network's by {difference:.2g} on {len(inputs)} windows, at most "
            f"{tolerance:.0e} is allowed: the export is wrong, nothing is packaged"
        )
    return difference


def _by_onnx(model: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0])


def _by_openvino(model: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino().Core()
    precise = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}  # the default may be 16 bits
    return np.array(core.compile_model(core.read_model(model), "CPU", precise)([inputs])[0])


def by_torch(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits (N, C) of the network itself, in eval mode."""
    import torch

    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(inputs)))
