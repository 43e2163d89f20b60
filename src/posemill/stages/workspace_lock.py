"""One at a time in a workspace, across processes.

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
    path: Path, who: str, wait_s: float = 0.0, tell: Callable[[str], object] = lambda _: None
) -> Iterator[int]:
    """Hold `path` as `who`; yields the lock's file descriptor.

    wait_s  seconds to wait for another holder to finish; `tell` gets one sentence when waiting begins.
    Errors: Unavailable, naming the holder, when it still runs after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file, who, wait_s, tell)
        file.truncate(0)
        json.dump({"who": who, "pid": os.getpid(), "since": datetime.now().strftime("%H:%M:%S")}, file)
        file.flush()
        yield file.fileno()


def _acquire(file: IO[str], who: str, wait_s: float, tell: Callable[[str], object]) -> None:
    deadline, told = time.monotonic() + wait_s, False
    while not _try(file):
        holder = _holder(file)
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"{who} cannot start: {holder} is running in this workspace, and one runs at a time; "
                f"wait until it has finished or stop it, then run again"
            )
        if not told:
            told = True
            tell(f"{who} waits up to {wait_s:.0f} s for {holder}, which is running in this workspace")
        time.sleep(POLL_S)


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    """Who holds the lock, as far as it is written down yet."""
    file.seek(0)
    try:
        holder = json.load(file)
        return f"{holder['who']} (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError):
        return "another run"
