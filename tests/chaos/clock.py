"""Clocks that jump while work goes on: leases, and what a service writes."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from sqlalchemy import text

from chaos import service
from chaos.clock_file import Clock
from chaos.history import Cell
from chaos.labelling import Labelling
from chaos.place import Bench, complete
from chaos.postgres import Postgres, own_postgres

HOUR_S = 3600
JUMPS = [(who, sign * HOUR_S) for who in ("workers", "database", "both") for sign in (1, -1)]


class Clocks:
    """Clocks of the workers and of the database."""

    def __init__(self, workers: Clock, database: Clock) -> None:
        self._clocks = {"workers": (workers,), "database": (database,), "both": (workers, database)}

    def jump(self, who: str, seconds: int) -> None:
        """Let these be off by so much."""
        for clock in self._clocks[who]:
            clock.jump(seconds)


def leases(bench: Bench, tries: int, seed: int) -> Cell:
    """Two label workers at once; a clock jumps while they work, and is right again when the work goes on."""
    cell, chance = Cell("clock jumps by 1 h", Labelling.name, seed), random.Random(seed)
    database = Clock()
    with own_postgres(database.environment()) as server:
        clocks, work = Clocks(bench.zygote.clock, database), Labelling(replace(bench, postgres=server), 0.01)
        _require_jumps(server, database)
        for number in range(tries):
            who, seconds = JUMPS[number % len(JUMPS)]
            place = work.place()
            children = [work.start(place), work.start(place)]
            time.sleep(chance.uniform(0.3, 2.5))
            since = time.monotonic()
            clocks.jump(who, seconds)
            for child in children:
                child.wait()
                place.outputs.append(child.said())
            work.after_fault(place)
            clocks.jump("both", 0)
            complete(work, place)
            cell.add(work.verdict(place), time.monotonic() - since)
            work.bench.remove(place)
    database.close()
    cell.note = "two at once; of the workers, the database or both by turns, forward and back"
    return cell


def _require_jumps(server: Postgres, clock: Clock) -> None:
    """Errors: RuntimeError where the server's clock does not follow, so that the cell would show nothing."""
    engine, now = server.engine(server.url), text("SELECT extract(epoch FROM clock_timestamp())")
    with engine.connect() as connection:
        before = float(connection.scalar(now) or 0)
        clock.jump(HOUR_S)
        after = float(connection.scalar(now) or 0)
    clock.jump(0)
    engine.dispose()
    if not HOUR_S - 60 < after - before < HOUR_S + 60:
        raise RuntimeError(f"the database's clock moved by {after - before:.0f} s, not by an hour")


def served(what: str, bench: Bench, tries: int, seed: int) -> Cell:
    """A service whose clock, or whose database's, jumps while clients ask."""
    database = Clock()
    with own_postgres(database.environment()) as server:
        clocks = Clocks(bench.zygote.clock, database)

        def strike(running: service.Session, chance: random.Random) -> None:
            clocks.jump("both", 0)
            clocks.jump(*chance.choice(JUMPS))

        name = "clock jumps by 1 h"
        cell = service.struck(name, replace(bench, postgres=server), what, strike, tries, seed)
    clocks.jump("both", 0)
    database.close()
    return cell
