"""Faults: what happens to a process, its disk or its database while it works, at instants drawn from a seed."""

from __future__ import annotations

import errno
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from chaos import shim
from chaos.history import Cell
from chaos.place import TRACEBACK, Place, Work, complete, finished
from chaos.postgres import Postgres, Proxy
from chaos.shim import WritePoint

STOPPED_S = 1.5
Nemesis = Callable[[Postgres, random.Random], None]


@contextmanager
def fresh_place(work: Work) -> Iterator[Place]:
    """A place of the work, removed at the end."""
    place = work.place()
    try:
        yield place
    finally:
        work.bench.remove(place)


def checked(cell: Cell, work: Work, place: Place, since: float) -> None:
    """Do the rest of the work, and check it."""
    work.after_fault(place)
    complete(work, place)
    recovery_s = time.monotonic() - since
    cell.add(work.verdict(place), recovery_s)
    cell.tracebacks += sum(TRACEBACK in output for output in place.outputs)


def measure(work: Work, messages: bool = True) -> tuple[int, float]:
    """Write points (with messages to the database, or of files alone) and seconds when nothing happens."""
    with fresh_place(work) as place:
        began = time.monotonic()
        child = work.start(place, WritePoint(str(place.folder), messages=messages))
        code = finished(work, place, child)
        seconds = time.monotonic() - began
        verdict = work.verdict(place)
        if code or not verdict.sound:
            raise RuntimeError(f"{work.name} fails without any fault: {code}, {verdict}, {place.outputs[-1][-2000:]}")
        return child.points(), seconds


def killed_at_write_points(work: Work, tries: int, seed: int, messages: bool) -> Cell:
    """SIGKILL before, within or after a write or rename of a file, or (`messages`) a message to the database too."""
    what = "write or message to the database" if messages else "write to a file"
    cell, chance, (points, _) = (
        Cell(f"SIGKILL at a {what}", work.name, seed),
        random.Random(seed),
        measure(work, messages),
    )
    cell.note = f"{points} such points"
    for nth in spread(points, tries, chance):
        with fresh_place(work) as place:
            point = WritePoint(str(place.folder), nth, chance.choice(shim.KILLS), messages=messages)
            finished(work, place, work.start(place, point))
            checked(cell, work, place, time.monotonic())
    return cell


def failing_disk(work: Work, error: int, tries: int, seed: int) -> Cell:
    """From a write point on every write fails, until the work is started again."""
    name = {errno.ENOSPC: "disk full", errno.EIO: "disk with errors (EIO)", errno.EROFS: "disk read-only"}[error]
    cell, chance, (points, _) = Cell(name, work.name, seed), random.Random(seed), measure(work, False)
    cell.note = f"{points} write points"
    for nth in spread(points, tries, chance):
        with fresh_place(work) as place:
            point = WritePoint(str(place.folder), nth, shim.FAIL, error, messages=False)
            finished(work, place, work.start(place, point))
            checked(cell, work, place, time.monotonic())
    return cell


def slow_disk(work: Work, tries: int, seed: int, longest_ms: int = 60) -> Cell:
    """Every write takes longer, up to `longest_ms`; a signal to end comes meanwhile in every other try."""
    cell, chance, (points, _) = Cell("disk slow", work.name, seed), random.Random(seed), measure(work, False)
    for number in range(tries):
        with fresh_place(work) as place:
            since, delay_ms = time.monotonic(), chance.randint(longest_ms // 3, longest_ms)
            child = work.start(place, WritePoint(str(place.folder), 0, shim.SLOW, delay_ms, messages=False))
            if number % 2:
                time.sleep(chance.uniform(0, points * delay_ms / 1000))
                child.signal(signal.SIGTERM)
            finished(work, place, child)
            checked(cell, work, place, since)
    cell.note = (
        f"{longest_ms // 3} to {longest_ms} ms more at each of {points} write points; SIGTERM in half of the tries"
    )
    return cell


def passed_on(work: Work, tries: int, seed: int, stopped_s: float = 65.0) -> Cell:
    """One is stopped for longer than a lease; another does the rest meanwhile, and then the first one goes on."""
    cell, chance = Cell("SIGSTOP for a minute, another goes on", work.name, seed), random.Random(seed)
    _, seconds = measure(work)
    for _ in range(tries):
        with fresh_place(work) as place:
            stopped = work.start(place)
            time.sleep(chance.uniform(0.3, 0.9) * seconds)
            stopped.signal(signal.SIGSTOP)
            since = time.monotonic()
            finished(work, place, work.start(place))
            time.sleep(max(0.0, stopped_s - (time.monotonic() - since)))
            stopped.signal(signal.SIGCONT)
            finished(work, place, stopped)
            checked(cell, work, place, since + stopped_s)
    cell.note = f"stopped for {stopped_s:.0f} s; seconds: after it goes on"
    return cell


def two_workspaces(work: Work, tries: int, seed: int) -> Cell:
    """The same work from two workspaces at once, against one database and one store."""
    cell = Cell("2 workspaces at once", work.name, seed)
    for _ in range(tries):
        with fresh_place(work) as place:
            other = replace(place, folder=place.folder.with_name(f"{place.folder.name}.other"), shared=place.store)
            shutil.copytree(place.folder, other.folder, ignore=shutil.ignore_patterns("store"))
            since = time.monotonic()
            for child in [work.start(place), work.start(other)]:
                child.wait()
                place.outputs.append(child.said())
            checked(cell, work, place, since)
            shutil.rmtree(other.folder)
    return cell


def signalled(work: Work, number: signal.Signals, tries: int, seed: int) -> Cell:
    """A signal at any moment; SIGSTOP for a while."""
    cell, chance, (_, seconds) = Cell(number.name, work.name, seed), random.Random(seed), measure(work)
    for _ in range(tries):
        with fresh_place(work) as place:
            child = work.start(place)
            time.sleep(chance.uniform(0, seconds))
            child.signal(number)
            since = time.monotonic()
            if number is signal.SIGSTOP:
                time.sleep(STOPPED_S)
                child.signal(signal.SIGCONT)
            finished(work, place, child)
            checked(cell, work, place, since)
    if number is signal.SIGSTOP:
        cell.note = f"stopped for {STOPPED_S} s"
    return cell


def without_database(name: str, work: Work, nemesis: Nemesis, tries: int, seed: int, times: int = 2) -> Cell:
    """The database fails `times` times a try while the work goes on, started again whenever it ends."""
    cell, chance, (_, seconds) = Cell(name, work.name, seed), random.Random(seed), measure(work)
    for _ in range(tries):
        with fresh_place(work) as place:
            ended = threading.Event()
            last = [time.monotonic()]

            def strike(ended: threading.Event = ended, last: list[float] = last) -> None:
                for _ in range(times):
                    time.sleep(chance.uniform(0, seconds))
                    last[0] = time.monotonic()
                    nemesis(work.bench.postgres, chance)
                ended.set()

            thread = threading.Thread(target=strike)
            thread.start()
            while not ended.is_set():
                finished(work, place, work.start(place))
            thread.join()
            checked(cell, work, place, last[0])
    cell.note = f"{times} times a try"
    return cell


def spread(points: int, tries: int, chance: random.Random) -> list[int]:
    """Write points to strike at: all of them where there are few, else drawn, one in each of equal parts."""
    if tries >= points:
        return list(range(1, points + 1))
    return [1 + int((part + chance.random()) * points / tries) for part in range(tries)]


def at_once(work: Work, tries: int, seed: int, count: int = 2) -> Cell:
    """Several do the same work at once; whoever is told to come back later does."""
    cell = Cell(f"{count} at once", work.name, seed)
    for _ in range(tries):
        with fresh_place(work) as place:
            since = time.monotonic()
            for child in [work.start(place) for _ in range(count)]:
                child.wait()
                place.outputs.append(child.said())
            checked(cell, work, place, since)
    return cell


def partitioned(work: Work, tries: int, seed: int, lost_s: float = 3.0) -> Cell:
    """The network between worker and database loses everything for a while, or ends all connections."""
    cell, chance = Cell("network to the database away", work.name, seed), random.Random(seed)
    _, seconds = measure(work)
    for number in range(tries):
        with fresh_place(work) as place:
            proxy = Proxy(place.url)
            place.via = proxy.url
            child = work.start(place)
            time.sleep(chance.uniform(0.2, seconds))
            since = time.monotonic()
            proxy.frozen, proxy.cut = not number % 2, bool(number % 2)
            time.sleep(lost_s)
            proxy.frozen = proxy.cut = False
            finished(work, place, child)
            checked(cell, work, place, since)
            proxy.close()
    cell.note = f"for {lost_s:.0f} s; packets lost, connections ended by turns"
    return cell
