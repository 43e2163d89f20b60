"""The library of shim.c: compiled once, preloaded into forked processes, and armed in each of them."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COUNT, FAIL, KILL_BEFORE, KILL_TORN, KILL_AFTER, SLOW = range(6)
KILLS = (KILL_BEFORE, KILL_TORN, KILL_AFTER)


@dataclass(frozen=True, slots=True)
class WritePoint:
    """The n-th write point of a process below `folder`, and what happens there.

    how      COUNT (nothing), FAIL with `error`, or the process is killed before it, half way, or after it; SLOW: every
             point takes `error` milliseconds more.
    lasting  FAIL: every later point fails too, as on a disk that stays full.
    messages to servers over TCP count as well.
    """

    folder: str
    nth: int = 0
    how: int = COUNT
    error: int = 0
    messages: bool = True
    lasting: bool = True

    def arm(self) -> None:
        """In the process itself, which was started with the library preloaded."""
        library = ctypes.CDLL(None)
        library.chaos_arm(
            os.fsencode(f"{self.folder}/"), ctypes.c_long(self.nth), self.how, self.error, self.messages, self.lasting
        )


def points() -> int:
    """How many write points this process has met since it was armed."""
    count = ctypes.CDLL(None).chaos_points
    count.restype = ctypes.c_long
    return int(count())


def compiled(source: Path = SOURCE) -> Path | None:
    """The library of a source; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    target = Path(tempfile.gettempdir()) / f"posemill-{source.stem}-{os.getuid()}-{source.stat().st_mtime_ns}.so"
    if not target.exists():
        fresh = target.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", fresh, source, "-ldl"], check=True)
        fresh.replace(target)
    return target
