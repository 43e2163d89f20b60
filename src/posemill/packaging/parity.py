"""Does the exported file say what the network says? Checked on real windows before anything is packaged."""

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


def require_parity(
    model: Path, network: nn.Module, prepared: NDArray[np.float32], tolerance: float = TOLERANCE
) -> float:
    """The largest difference of logits between an exported file and PyTorch; CheckpointError above `tolerance`.

    model     .onnx, run by ONNX Runtime, or .xml, run by OpenVINO.
    prepared  (N, T, K, 3) float32, what the feature pipeline's transform returns; N > 0.
    """
    answer = _by_openvino(model, prepared) if model.suffix == ".xml" else _by_onnx(model, prepared)
    difference = float(np.abs(answer - _by_torch(network, prepared)).max())
    if not difference <= tolerance:  # also for NaN
        raise CheckpointError(
            f"{model.name} differs from the network by {difference:.2g} in its logits on {len(prepared)} prepared "
            f"windows, at most {tolerance:.0e} is allowed: the export is wrong, nothing is packaged"
        )
    return difference


def _by_onnx(model: Path, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: prepared})[0])


def _by_openvino(model: Path, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino().Core()
    precise = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}  # its own choice may be 16 bits
    return np.array(core.compile_model(core.read_model(model), "CPU", precise)([prepared])[0])


def _by_torch(network: nn.Module, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(prepared)))
