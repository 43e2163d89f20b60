"""Compiles norm.cpp for this processor, once, and loads it; without a compiler there is nothing to load."""

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

SOURCE = Path(__file__).with_name("norm.cpp")
# no -ffast-math: a loss that is not a number has to stay one, and it would change rounding in the whole process
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64
SCALARS = [COUNT, COUNT, ctypes.c_int, ctypes.c_double, COUNT]  # rows, channels, relu, eps, threads
POINTERS = {"forward": 7, "backward": 10}
TYPES = ("float32", "bfloat16")

_log = logging.getLogger("posemill.models")


@cache
def loaded() -> ctypes.CDLL | None:
    """The library; None, and a word in the log, where it cannot be built."""
    compiler = os.environ.get("CXX") or "g++"
    try:
        library = ctypes.CDLL(str(compiled(compiler, _kept())))
    except (OSError, subprocess.SubprocessError) as exc:
        said = getattr(exc, "stderr", None) or exc
        _log.warning("%s cannot compile norm.cpp: on the CPU, training takes torch's slower way (%s)", compiler, said)
        return None
    for name, pointers in POINTERS.items():
        for dtype in TYPES:
            function = getattr(library, f"{name}_{dtype}")
            function.argtypes, function.restype = [POINTER] * pointers + SCALARS, None
    return library


def compiled(compiler: str, folder: Path) -> Path:
    """The shared library in `folder`, made if it is not there.

    Errors: OSError for a compiler that is missing, subprocess.SubprocessError for one that fails.
    """
    target = folder / f"norm-{_digest(compiler)}.so"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch:  # whole or not at all, whoever else builds it meanwhile
            made = Path(scratch) / target.name
            command = [*shlex.split(compiler), *FLAGS, "-o", str(made), str(SOURCE)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            made.replace(target)
    return target


def _digest(compiler: str) -> str:
    """Of all that the code depends on: a home folder may be shared by machines of different processors."""
    processor = [platform.machine(), platform.processor()]
    if (known := Path("/proc/cpuinfo")).is_file():
        processor += sorted({line for line in known.read_text().splitlines() if line.startswith(("flags", "Features"))})
    said = "\n".join([compiler, *FLAGS, *processor]).encode()
    return hashlib.sha256(said + SOURCE.read_bytes()).hexdigest()[:16]


def _kept() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("posemill") / "compiled"
