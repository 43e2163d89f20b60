"""Compiles the operations of this folder for this processor, once, and loads them; without a compiler, nothing."""

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
SOURCES = [HERE / "norm.cpp", HERE / "largest.cpp", HERE / "mix.cpp"]
# no -ffast-math: a loss that is not a number has to stay one, and it would change rounding in the whole process
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64
MOST_PARTS = 16  # of an operand, as in columns.h

_log = logging.getLogger("posemill.models")


class Parts(ctypes.Structure):
    """The tensors whose columns lie side by side in one operand; of none, there is no operand."""

    _fields_ = (("data", ctypes.POINTER(POINTER)), ("widths", ctypes.POINTER(COUNT)), ("count", COUNT))

    @classmethod
    def of(cls, tensors: list[Tensor]) -> Parts:
        """Of contiguous tensors (..., width), which have to outlive it."""
        count = len(tensors)
        data = (POINTER * count)(*[t.data_ptr() for t in tensors])
        widths = (COUNT * count)(*[t.shape[-1] for t in tensors])
        return cls(data, widths, count)


OPERAND = ctypes.POINTER(Parts)
_NORM = [COUNT, COUNT, COUNT, ctypes.c_int, ctypes.c_double, COUNT]  # rows, channels, normed, relu, eps, threads
_ARGUMENTS: dict[str, list[type]] = {
    "norm_forward": [POINTER] * 2 + [OPERAND] + [POINTER] * 4 + _NORM,
    "norm_backward": [POINTER] * 3 + [OPERAND] * 2 + [POINTER] * 6 + _NORM,
    "largest_forward": [POINTER] * 2 + [COUNT] * 5,  # samples, frames, values, stride, threads
    "largest_backward": [POINTER] * 3 + [COUNT] * 5,
}
TYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def is_fused(x: Tensor) -> bool:
    """Whether the operations here are there for it: on the CPU, of numbers that they know, and not while exporting."""
    return x.device.type == "cpu" and x.dtype in TYPES and not torch.compiler.is_compiling() and loaded() is not None


def function(name: str, dtype: torch.dtype) -> Any:
    """One of the library's, for numbers of one kind; `is_fused` has been asked."""
    return getattr(loaded(), f"{name}_{TYPES[dtype]}")


@cache
def loaded() -> ctypes.CDLL | None:
    """The library; None, and a word in the log, where it cannot be built."""
    compiler = os.environ.get("CXX") or "g++"
    try:
        library = ctypes.CDLL(str(compiled(compiler, _kept())))
    except (OSError, subprocess.SubprocessError) as exc:
        said = getattr(exc, "stderr", None) or exc
        _log.warning("%s cannot compile %s: on the CPU, training takes torch's slower way (%s)", compiler, HERE, said)
        return None
    for name, arguments in _ARGUMENTS.items():
        for dtype in TYPES.values():
            one = getattr(library, f"{name}_{dtype}")
            one.argtypes, one.restype = arguments, None
    # frames, keypoints, mixed, channels, threads
    library.mix_gradient_bfloat16.argtypes = [POINTER] * 3 + [COUNT] * 5
    return library


def compiled(compiler: str, folder: Path) -> Path:
    """The shared library in `folder`, made if it is not there.

    Errors: OSError for a compiler that is missing, subprocess.SubprocessError for one that fails.
    """
    target = folder / f"fused-{_digest(compiler)}.so"
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
    said = "\n".join([compiler, *FLAGS, *processor]).encode()
    texts = b"".join(path.read_bytes() for path in [*SOURCES, HERE / "columns.h"])
    return hashlib.sha256(said + texts).hexdigest()[:16]


def _kept() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("posemill") / "compiled"
