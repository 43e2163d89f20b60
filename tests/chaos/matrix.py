"""The matrix: which faults strike which work, and how often in the long and in the short run."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

from chaos import faults
from chaos.history import Cell
from chaos.labelling import Labelling
from chaos.place import Bench, Work

Run = Callable[[int, int], Cell]  # tries, seed


@dataclass(frozen=True)
class Planned:
    """A cell that can be run. name: for choosing it; short: its tries in the short run; 0: not in it."""

    name: str
    run: Run
    short: int = 0


def matrix(bench: Bench) -> Iterator[Planned]:
    """All cells, in the order of the table."""
    label = _once(lambda: Labelling(bench))
    yield from _killed("label", label, 2)
    yield from _disk("label", label, 1)


def _once(make: Callable[[], Work]) -> Callable[[], Work]:
    return cache(make)


def _killed(where: str, work: Callable[[], Work], short: int) -> Iterator[Planned]:
    def at_points(messages: bool, tries: int, seed: int) -> Cell:
        return faults.killed_at_write_points(work(), tries, seed, messages)

    def at_any_time(number: signal.Signals, tries: int, seed: int) -> Cell:
        return faults.signalled(work(), number, tries, seed)

    yield Planned(f"{where} kill file", partial(at_points, False), short)
    yield Planned(f"{where} kill message", partial(at_points, True), short)
    for number in (signal.SIGTERM, signal.SIGSTOP):
        yield Planned(f"{where} {number.name}", partial(at_any_time, number), 0)


def _disk(where: str, work: Callable[[], Work], short: int) -> Iterator[Planned]:
    def failing(error: int, tries: int, seed: int) -> Cell:
        return faults.failing_disk(work(), error, tries, seed)

    for error in (errno.ENOSPC, errno.EIO, errno.EROFS):
        yield Planned(f"{where} disk {errno.errorcode[error]}", partial(failing, error), short)
