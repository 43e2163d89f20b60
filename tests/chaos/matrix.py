"""The matrix: which faults strike which work, and how often in the long and in the short run."""

from __future__ import annotations

import errno
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from chaos import clock, faults, flows, memory, network, objects, repro, service
from chaos.capturing import Capturing, poison_stream
from chaos.history import Cell
from chaos.importing import Importing
from chaos.labelling import Labelling
from chaos.migrating import Migrating
from chaos.pair import Pair, own_pair
from chaos.place import Bench, Work
from chaos.poisoned import KINDS, PoisonedLabelling, damaged_codecs, poison_media
from chaos.postgres import Postgres
from chaos.releasing import Releasing
from chaos.spooling import Spooling
from chaos.staging import STAGES, Staging, Workspace

Run = Callable[[int, int], Cell]  # tries, seed
SHORT = ("label", "prepare", "train")  # stages that are tried with too little memory


@dataclass(frozen=True)
class Planned:
    """A cell that can be run. name: for choosing it; short: its tries in the short run; 0: not in it."""

    name: str
    run: Run
    short: int = 0


def matrix(bench: Bench) -> Iterator[Planned]:
    """All cells, in the order of the table."""
    label, imports, migration = (cache(partial(work, bench)) for work in (Labelling, Importing, Migrating))
    slow_label = cache(partial(Labelling, bench, 0.01))
    yield from _killed("label", label, 2)
    yield from _killed("import", imports, 2)
    yield from _killed("migration", migration, 1)
    captures = cache(partial(Capturing, bench))
    yield from _killed("capture", captures, 1)
    for kind in KINDS:
        yield Planned(f"stream {kind}", partial(_poison_stream, kind, captures), int(kind == "crash"))
    spool = cache(partial(Spooling, bench))
    workspace = cache(partial(Workspace, bench))
    stages = {stage: cache(partial(_staging, workspace, stage)) for stage in STAGES}
    for stage, work in stages.items():
        for cell in _killed(f"stage {stage}", work, 0):
            if cell.name.endswith(("kill file", "SIGTERM")):
                yield cell
    yield from _killed_service(bench)
    yield from _database("label", slow_label, 1)
    yield from _database("import", imports, 0)
    yield from _database("migration", migration, 0)
    yield from _database_of_service(bench)
    yield from _failover(bench)
    yield from _poison(bench)
    yield from _disk("label", label, 1)
    yield from _disk("import", imports, 1)
    for stage, work in stages.items():
        yield from (cell for cell in _disk(f"stage {stage}", work, 0) if cell.name.endswith("ENOSPC"))
    yield from _killed("spool", spool, 1)
    yield from _disk("spool", spool, 0)
    yield Planned("dvc repro kill", partial(repro.killed, bench))
    yield Planned("flows kill", partial(flows.killed, bench))
    yield from _objects(bench)
    yield Planned("clock label", partial(clock.leases, bench))
    for what in (service.FEEDBACK, service.LOG):
        yield Planned(f"clock {what}", partial(clock.served, what, bench))
    if network.available():
        yield Planned("namespace label", partial(_namespace, slow_label))
    if memory.available():
        for where, work in (("label", label), ("import", imports), *((f"stage {n}", stages[n]) for n in SHORT)):
            yield Planned(f"memory {where}", partial(_memory, work))
        for what in (service.FEEDBACK, service.LOG):
            strike = memory.without_more
            yield Planned(f"memory {what}", partial(service.struck, memory.NAME, bench, what, strike))
    releases = cache(partial(Releasing, bench))
    yield from _killed("release", releases, 1)
    yield from _database("release", releases, 0)
    for where, work in (("label", slow_label), ("import", imports)):
        yield Planned(f"two workspaces {where}", partial(_two_workspaces, work), int(where == "label"))
        yield Planned(f"slow disk {where}", partial(_slow_disk, work))
    for where, work in (("spool", spool), ("stage prepare", stages["prepare"]), ("stage package", stages["package"])):
        yield Planned(f"slow disk {where}", partial(_slow_disk, work))
    yield Planned("stopped label for a minute", partial(_passed_on, slow_label))
    for what in (service.FEEDBACK, service.LOG):
        yield Planned(f"stopped {what} for a minute", partial(_stopped_service, what, bench))
    yield Planned("at once release", partial(_at_once, partial(Releasing, bench, 2)), 2)
    for where, work in (("label", slow_label), ("import", imports), ("migration", migration)):
        yield Planned(f"network {where}", partial(_network, work))
        yield Planned(f"at once {where}", partial(_at_once, work), int(where == "migration"))


def _network(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return faults.partitioned(work(), tries, seed)


def _two_workspaces(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return faults.two_workspaces(work(), tries, seed)


def _slow_disk(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return faults.slow_disk(work(), tries, seed)


def _memory(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return memory.short_of_memory(work(), tries, seed)


def _poison_stream(kind: str, work: Callable[[], Capturing], tries: int, seed: int) -> Cell:
    return poison_stream(kind, work(), tries, seed)


def _namespace(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return network.partitioned(work(), tries, seed)


def _stopped_service(what: str, bench: Bench, tries: int, seed: int) -> Cell:
    def strike(running: service.Session, chance: random.Random) -> None:
        assert running.child
        running.child.signal(signal.SIGSTOP)
        time.sleep(60)
        running.child.signal(signal.SIGCONT)

    note = "seconds: with the minute"
    return service.struck("SIGSTOP for a minute", bench, what, strike, tries, seed, times=1, note=note)


def _passed_on(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return faults.passed_on(work(), tries, seed)


def _at_once(work: Callable[[], Work], tries: int, seed: int) -> Cell:
    return faults.at_once(work(), tries, seed)


def _objects(bench: Bench) -> Iterator[Planned]:
    for fault in objects.FAULTS:
        yield Planned(f"objects {fault}", partial(objects.faulty_store, fault, bench))


def _staging(workspace: Callable[[], Workspace], stage: str) -> Staging:
    return Staging(workspace(), stage)


def _killed(where: str, work: Callable[[], Work], short: int) -> Iterator[Planned]:
    def at_points(messages: bool, tries: int, seed: int) -> Cell:
        return faults.killed_at_write_points(work(), tries, seed, messages)

    def at_any_time(number: signal.Signals, tries: int, seed: int) -> Cell:
        return faults.signalled(work(), number, tries, seed)

    if where not in ("migration", "release"):  # which write no file
        yield Planned(f"{where} kill file", partial(at_points, False), short)
    yield Planned(f"{where} kill message", partial(at_points, True), short)
    for number in (signal.SIGTERM, signal.SIGSTOP):
        yield Planned(f"{where} {number.name}", partial(at_any_time, number), 0)


def _disk(where: str, work: Callable[[], Work], short: int) -> Iterator[Planned]:
    def failing(error: int, tries: int, seed: int) -> Cell:
        return faults.failing_disk(work(), error, tries, seed)

    for error in (errno.ENOSPC, errno.EIO, errno.EROFS):
        yield Planned(
            f"{where} disk {errno.errorcode[error]}", partial(failing, error), short * (error == errno.ENOSPC)
        )


def _killed_service(bench: Bench) -> Iterator[Planned]:
    for what in (service.FEEDBACK, service.LOG):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP):
            note = (
                "answers of the last tenths of a second are in memory alone"
                if (what, number.name) == (service.LOG, "SIGKILL")
                else ""
            )

            def strike(number: signal.Signals, running: service.Session, chance: random.Random) -> None:
                assert running.child
                running.child.signal(number)
                if number is signal.SIGSTOP:
                    time.sleep(faults.STOPPED_S)
                    running.child.signal(signal.SIGCONT)

            def run(what: str, number: signal.Signals, note: str, tries: int, seed: int, strike: Any = strike) -> Cell:
                return service.struck(number.name, bench, what, partial(strike, number), tries, seed, note=note)

            yield Planned(f"service {what} {number.name}", partial(run, what, number, note))


NEMESES: dict[str, faults.Nemesis] = {
    "PostgreSQL restarted": lambda server, chance: server.restart(),
    "PostgreSQL killed (SIGKILL)": lambda server, chance: server.kill(),
    "PostgreSQL read-only": lambda server, chance: server.refuse_changes(chance.uniform(0.3, 1.0)),
    "PostgreSQL out of connections": lambda server, chance: server.exhaust(chance.uniform(0.3, 1.0)),
}


def _database(where: str, work: Callable[[], Work], short: int) -> Iterator[Planned]:
    for name, nemesis in NEMESES.items():

        def run(name: str, nemesis: faults.Nemesis, tries: int, seed: int) -> Cell:
            return faults.without_database(name, work(), nemesis, tries, seed)

        yield Planned(f"database {where} {name}", partial(run, name, nemesis), short * ("restarted" in name))


def _failover(bench: Bench) -> Iterator[Planned]:
    """Cells on a pair of servers of their own."""
    name = "PostgreSQL failed over to its standby"

    def nemesis(server: Postgres, chance: random.Random) -> None:
        assert isinstance(server, Pair)
        server.fail_over(chance.uniform(0.0, 1.0))

    def command(work: Callable[[Bench], Work], tries: int, seed: int) -> Cell:
        with own_pair() as pair:
            cell = faults.without_database(name, work(replace(bench, postgres=pair)), nemesis, tries, seed)
        cell.note = f"{pair.failovers} times in all, there and back; commits wait for the standby"
        return cell

    def served(what: str, tries: int, seed: int) -> Cell:
        with own_pair() as pair:

            def strike(running: service.Session, chance: random.Random) -> None:
                nemesis(pair, chance)

            return service.struck(name, replace(bench, postgres=pair), what, strike, tries, seed)

    yield Planned("failover label", partial(command, partial(Labelling, delay_s=0.01)), 1)
    yield Planned("failover import", partial(command, Importing))
    for what in (service.FEEDBACK, service.LOG):
        yield Planned(f"failover {what}", partial(served, what))


def _database_of_service(bench: Bench) -> Iterator[Planned]:
    for what in (service.FEEDBACK, service.LOG):
        yield Planned(f"database {what} lost answers", partial(service.unanswered, bench, what), 1)
        for name, nemesis in NEMESES.items():

            def run(what: str, name: str, nemesis: faults.Nemesis, tries: int, seed: int) -> Cell:
                def strike(running: service.Session, chance: random.Random) -> None:
                    nemesis(bench.postgres, chance)

                return service.struck(name, bench, what, strike, tries, seed)

            yield Planned(f"database {what} {name}", partial(run, what, name, nemesis))


def _poison(bench: Bench) -> Iterator[Planned]:
    work = cache(partial(PoisonedLabelling, bench))

    def run(kind: str, tries: int, seed: int) -> Cell:
        return poison_media(kind, work(), tries, seed)

    for kind in KINDS:
        yield Planned(f"poison {kind}", partial(run, kind), int(kind == "crash"))

    def codecs(tries: int, seed: int) -> Cell:
        with tempfile.TemporaryDirectory() as folder:
            return damaged_codecs(Path(folder), tries, seed)

    yield Planned("poison codecs", codecs)
