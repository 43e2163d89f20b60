"""A network namespace: a worker in it reaches the database by a link of its own, which goes down for a while.

For root on Linux with `ip`. Packets are lost in the kernel, in both directions, and neither side is told.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.faults import checked, fresh_place, measure
from chaos.history import Cell
from chaos.place import Work, finished
from chaos.postgres import Proxy

CLONE_NEWNET = 0x40000000
HERE, THERE = "10.231.77.1", "10.231.77.2"
LONG_S = 70.0  # longer than a lease, and than a connection lives without an answer


def available() -> bool:
    """True if this process can make such namespaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


def enter(name: str) -> None:
    """Move this process, which has one thread, into a namespace."""
    with Path("/run/netns", name).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")


@dataclass(frozen=True, slots=True)
class Link:
    """A namespace and its link."""

    name: str

    def up(self, is_up: bool) -> None:
        """Let packets pass, or lose them all."""
        _ip("link", "set", f"{self.name}a", "up" if is_up else "down")


@contextmanager
def linked() -> Iterator[Link]:
    """A namespace for the length of a `with`."""
    name = f"pm{os.getpid() % 100_000}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _ip("addr", "add", f"{HERE}/30", "dev", f"{name}a")
        _ip("-n", name, "addr", "add", f"{THERE}/30", "dev", f"{name}b")
        for interface in ("lo", f"{name}b"):
            _ip("-n", name, "link", "set", interface, "up")
        _ip("link", "set", f"{name}a", "up")
        yield Link(name)
    finally:
        _ip("netns", "del", name)  # and with it both ends of the link


def partitioned(work: Work, tries: int, seed: int) -> Cell:
    """The link is down for some seconds; in the last try for longer than a lease, while another does the rest."""
    cell, chance = Cell("packets to the database lost (namespace)", work.name, seed), random.Random(seed)
    _, seconds = measure(work)
    with linked() as link:
        for number in range(tries):
            with fresh_place(work) as place:
                proxy, direct = Proxy(place.url, host=HERE), place.via
                place.via, place.network = proxy.url, link.name
                child = work.start(place)
                place.via, place.network = direct, ""
                time.sleep(chance.uniform(0.3, 0.8) * seconds)
                link.up(False)
                long = number == tries - 1
                since = time.monotonic()
                if long:
                    finished(work, place, work.start(place), limit_s=240)
                time.sleep(max(0.0, (LONG_S if long else chance.uniform(2, 8)) - (time.monotonic() - since)))
                link.up(True)
                since = time.monotonic()
                finished(work, place, child, limit_s=240)
                checked(cell, work, place, since)
                proxy.close()
    cell.note = f"2 to 8 s, once {LONG_S:.0f} s while another goes on; seconds: from when packets pass again"
    return cell


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
