"""The device that the runtime is on: what its processor lacks, and memory that is given back."""

from __future__ import annotations

import ctypes
import platform
from contextlib import suppress
from pathlib import Path

from posemill.errors import InputError

CPU = Path("/proc/cpuinfo")
X86 = ("x86_64", "AMD64")
REQUIRED, WANTED = "sse4_2", "avx2"


def require_processor(cpuinfo: Path = CPU, machine: str | None = None) -> str | None:
    """Return a warning where the processor is slow for this, None where it is fine.

    Errors: InputError where OpenVINO does not run on it at all.
    """
    if (machine or platform.machine()) not in X86 or not cpuinfo.is_file():
        return None
    line = next((row for row in cpuinfo.read_text().splitlines() if row.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    if not flags:
        return None
    if REQUIRED not in flags:
        raise InputError(
            f"this processor has no {REQUIRED.upper().replace('_', '.')}, without which OpenVINO does not run: take a "
            "device with a processor from 2011 or later"
        )
    if WANTED not in flags:
        return (
            f"this processor has no {WANTED.upper()}: expect a third of the frames; lower pose_rate_hz, or export with "
            "--pose movenet"
        )
    return None


ARENA_MAX = -8  # of glibc's mallopt
ARENAS = 2  # threads share their memory pools: those of readers that come and go would keep their own


def share_memory_pools() -> None:
    """Let all threads share two pools of glibc's allocator; elsewhere nothing happens. Before threads are started."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS)


def give_memory_back() -> None:
    """Return freed memory to the system, where glibc can: streams that are opened again leave holes in it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
