"""Workspace lock: one run at a time, across processes.

The lock is the kernel's (flock), so a killed process never leaves one behind. A child that was given the lock's file
descriptor holds it too: work that outlives its parent still counts as running.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from posemill.errors import Unavailable

POLL_S = 0.5


@contextmanager
def workspace_lock(
    path: Path, holder: str, wait_s: float = 0.0, log: Callable[[str], object] = lambda _: None
) -> Iterator[int]:
    """Hold `path` as `holder`; yields the lock's file descriptor.

    wait_s  seconds to wait for another holder to finish; `log` gets one sentence when waiting begins.
    Errors: Unavailable, naming the holder, when it still runs after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file, holder, wait_s, log)
        file.truncate(0)
        json.dump({"holder": holder, "pid": os.getpid(), "since": datetime.now().strftime("%H:%M:%S")}, file)
        file.flush()
        yield file.fileno()


def _acquire(file: IO[str], holder: str, wait_s: float, log: Callable[[str], object]) -> None:
    deadline, waiting = time.monotonic() + wait_s, False
    while not _try(file):
        other = _holder(file)
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"{holder} cannot start: {other} is running in this workspace, and one runs at a time; "
                f"wait until it has finished or stop it, then run again"
            )
        if not waiting:
            waiting = True
            log(f"{holder} waits up to {wait_s:.0f} s for {other}, which is running in this workspace")
        time.sleep(POLL_S)


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    """Return the holder's name, process and start, as far as they are written down yet."""
    file.seek(0)
    try:
        holder = json.load(file)
        return f"{holder['holder']} (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError):
        return "another run"
