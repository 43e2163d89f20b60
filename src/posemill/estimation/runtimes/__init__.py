"""Inference runtimes: PyTorch (CPU or CUDA), OpenVINO, ONNX Runtime. All give the same fields."""

from __future__ import annotations

from posemill.estimation.runtimes.base import Fields, Network, Runtime
from posemill.estimation.runtimes.load import load_runtime

__all__ = ["Fields", "Network", "Runtime", "load_runtime"]
