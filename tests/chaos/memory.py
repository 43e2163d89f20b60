"""The kernel's out-of-memory killer: a process in a control group of its own that has less memory than it needs.

For root on a machine with the memory controller of control groups, version 1.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from chaos import service
from chaos.faults import checked, fresh_place
from chaos.history import Cell
from chaos.place import Work

ROOT = Path("/sys/fs/cgroup/memory")
NAME = "killed for memory"
_number = count()


def available() -> bool:
    """True if this process can make such groups."""
    return os.access(ROOT / "memory.limit_in_bytes", os.W_OK) and os.geteuid() == 0


class Group:
    """A control group for memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pid: int) -> None:
        """What this process and its children take from now on counts."""
        with suppress(ProcessLookupError):
            (self._folder / "cgroup.procs").write_text(str(pid))

    def limit(self, size: int) -> None:
        """Bytes that they may have together."""
        (self._folder / "memory.limit_in_bytes").write_text(str(size))

    @property
    def peak(self) -> int:
        """The most that they had, bytes."""
        return int((self._folder / "memory.max_usage_in_bytes").read_text())

    @property
    def killed(self) -> int:
        """How many of them the kernel killed."""
        lines = (self._folder / "memory.oom_control").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


@contextmanager
def group() -> Iterator[Group]:
    """A group for the length of a `with`; its processes should have ended by then."""
    folder = ROOT / f"posemill-chaos-{os.getpid()}-{next(_number)}"
    folder.mkdir()
    try:
        yield Group(folder)
    finally:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.05)


def short_of_memory(work: Work, tries: int, seed: int) -> Cell:
    """The work has a part of the memory that it needs; then it is done with all of it."""
    cell, chance, struck = Cell(NAME, work.name, seed), random.Random(seed), 0
    with fresh_place(work) as place, group() as measured:
        child = work.start(place)
        measured.add(child.pid)
        if child.wait():
            raise RuntimeError(f"{work.name} fails without any fault: {child.said()[-2000:]}")
        peak = measured.peak
    for _ in range(tries):
        with fresh_place(work) as place, group() as limited:
            limited.limit(int(peak * chance.uniform(0.1, 0.9)))
            child = work.start(place)
            limited.add(child.pid)
            child.wait()
            place.outputs.append(child.said())
            struck += bool(limited.killed)
            checked(cell, work, place, time.monotonic())
    cell.note = f"with 10 to 90% of the {peak >> 20} MiB that it takes; the kernel killed in {struck} tries"
    return cell


def without_more(running: service.Session, chance: random.Random) -> None:
    """A strike at a service: from now on it gets no more memory, so that one of its next pages is its last."""
    child = running.child
    assert child
    with group() as limited:
        limited.limit(64 << 10)
        limited.add(child.pid)
        until = time.monotonic() + 20
        while not limited.killed and time.monotonic() < until:
            time.sleep(0.02)
