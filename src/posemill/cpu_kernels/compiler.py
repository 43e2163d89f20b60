"""Compiler and loader of the C++ kernels: built for this processor, once; without a compiler there are none."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

HERE = Path(__file__).parent
SOURCES = [HERE / name for name in ("batch_norm.cpp", "temporal_max_pool.cpp", "graph_matmul.cpp")]
# no -ffast-math: a loss that is not a number has to stay one, and it would change rounding in the whole process
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64
MOST_PARTS = 16  # of an operand, as in columns.h

_log = logging.getLogger("posemill.cpu_kernels")


class Parts(ctypes.Structure):
    """Operand of a kernel: tensors whose columns lie side by side; of none, there is no operand."""

    _fields_ = (("data", ctypes.POINTER(POINTER)), ("widths", ctypes.POINTER(COUNT)), ("count", COUNT))

    @classmethod
    def of(cls, tensors: list[Tensor]) -> Parts:
        """Make an operand of contiguous tensors (..., width), which have to outlive it."""
        count = len(tensors)
        data = (POINTER * count)(*[t.data_ptr() for t in tensors])
        widths = (COUNT * count)(*[t.shape[-1] for t in tensors])
        return cls(data, widths, count)


OPERAND = ctypes.POINTER(Parts)
_NORM: list[Any] = [
    COUNT,
    COUNT,
    COUNT,
    ctypes.c_int,
    ctypes.c_double,
    COUNT,
]  # rows, channels, normed, relu, eps, threads
_ARGUMENTS: dict[str, list[Any]] = {
    "batch_norm_forward": [POINTER] * 2 + [OPERAND] + [POINTER] * 4 + _NORM,
    "batch_norm_backward": [POINTER] * 3 + [OPERAND] * 2 + [POINTER] * 6 + _NORM,
    "temporal_max_pool_forward": [POINTER] * 2 + [COUNT] * 5,  # samples, frames, values, stride, threads
    "temporal_max_pool_backward": [POINTER] * 3 + [COUNT] * 5,
}
TYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def is_available(x: Tensor) -> bool:
    """True if kernels can take the tensor: on the CPU, of a type that they know, and not while exporting."""
    return (
        x.device.type == "cpu" and x.dtype in TYPES and not torch.compiler.is_compiling() and load_library() is not None
    )


def kernel(name: str, dtype: torch.dtype) -> Any:
    """Return a kernel of the library by name and number type; check `is_available` first."""
    return getattr(load_library(), f"{name}_{TYPES[dtype]}")


@cache
def load_library() -> ctypes.CDLL | None:
    """Load the library, built if need be; None, and a warning in the log, where it cannot be built."""
    compiler = os.environ.get("CXX") or "g++"
    try:
        library = ctypes.CDLL(str(compile_library(compiler, _cache_folder())))
    except (OSError, subprocess.SubprocessError) as exc:
        error = getattr(exc, "stderr", None) or exc
        _log.warning("%s cannot compile %s: on the CPU, training takes torch's slower way (%s)", compiler, HERE, error)
        return None
    for name, arguments in _ARGUMENTS.items():
        for dtype in TYPES.values():
            function = getattr(library, f"{name}_{dtype}")
            function.argtypes, function.restype = arguments, None
    # frames, keypoints, mixed, channels, threads
    library.graph_matmul_gradient_bfloat16.argtypes = [POINTER] * 3 + [COUNT] * 5
    return library


def compile_library(compiler: str, folder: Path) -> Path:
    """Return the shared library in `folder`, compiled if it is not there.

    Errors: OSError for a compiler that is missing, subprocess.SubprocessError for one that fails.
    """
    target = folder / f"cpu-kernels-{_digest(compiler)}.so"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch:  # whole or not at all, whoever else builds it meanwhile
            made = Path(scratch) / target.name
            command = [*shlex.split(compiler), *FLAGS, "-o", str(made), *map(str, SOURCES)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            made.replace(target)
    return target


def _digest(compiler: str) -> str:
    """Of all that the code depends on: a home folder may be shared by machines of different processors."""
    processor = [platform.machine(), platform.processor()]
    if (known := Path("/proc/cpuinfo")).is_file():
        processor += sorted({line for line in known.read_text().splitlines() if line.startswith(("flags", "Features"))})
    built_for = "\n".join([compiler, *FLAGS, *processor]).encode()
    texts = b"".join(path.read_bytes() for path in [*SOURCES, HERE / "columns.h"])
    return hashlib.sha256(built_for + texts).hexdigest()[:16]


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("posemill") / "compiled"
