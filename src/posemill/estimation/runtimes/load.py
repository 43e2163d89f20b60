"""Registry of inference runtimes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from posemill.errors import InputError
from posemill.estimation.runtimes.base import Network, Runtime

# name -> "module:class"; imported when used
RUNTIMES = {
    "eager": "posemill.estimation.runtimes.eager:Eager",
    "cuda": "posemill.estimation.runtimes.eager:Cuda",
    "openvino": "posemill.estimation.runtimes.openvino:OpenVino",
    "onnxruntime": "posemill.estimation.runtimes.onnxruntime:OnnxRuntime",
}
HALF = ("openvino",)  # those that can compute in bfloat16


def load_runtime(name: str, network: Network, cache: Path, threads: int, precision: str = "f32") -> Runtime:
    """Load the runtime of that name; `cache` is a folder for exported networks.

    Errors: InputError for an unknown name, a precision that it does not have, or `cuda` where there is none.
    """
    if name not in RUNTIMES:
        raise InputError(f"unknown runtime {name!r} (label.runtime); known are {', '.join(RUNTIMES)}")
    if precision != "f32" and name not in HALF:
        raise InputError(
            f"label.precision: {precision} needs label.runtime: {' or '.join(HALF)}, came with {name}: "
            "set one of them otherwise"
        )
    module, made = RUNTIMES[name].split(":")
    return cast(Runtime, getattr(import_module(module), made)(network, cache, threads, precision))
