"""A place for one try: a folder with a store and a workspace, and a database; and what all kinds of work have."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from chaos.history import History, Verdict
from chaos.postgres import Postgres
from chaos.shim import WritePoint
from chaos.zygote import Child, Zygote

_number = count()
TRACEBACK = "Traceback (most recent call last)"


@dataclass(slots=True)
class Place:
    """Where one try happens. outputs: what its processes printed; poison: see poisoned.py; via: a proxy.

    The proxy is its processes' address of the database. shared: the store of another place. network: see network.py.
    """

    folder: Path
    url: str
    history: History = field(default_factory=History)
    outputs: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    poison: str = ""
    via: str = ""
    shared: Path | None = None
    network: str = ""

    @property
    def store(self) -> Path:
        """The folder of its store."""
        return self.shared or self.folder / "store"

    def environment(self) -> dict[str, str]:
        """Settings of its processes."""
        return {
            "POSEMILL_WORKSPACE": str(self.folder),
            "POSEMILL_HOME": str(self.folder / "home"),
            "POSEMILL_DATABASE_URL": self.via or self.url,
            "POSEMILL_STORE_URL": str(self.store),
        }


@dataclass(frozen=True)
class Bench:
    """What all tries share."""

    zygote: Zygote
    postgres: Postgres

    def place(self, template: Path | None = None, database: str | None = None) -> Place:
        """A fresh place: a copy of that folder, and of that database."""
        folder = Path(tempfile.mkdtemp(prefix="try-", dir=self.postgres.folder))
        if template is not None:
            shutil.copytree(template, folder, dirs_exist_ok=True)
        url = self.postgres.database(database)
        return Place(folder, url, via=self.postgres.clients(url))

    def remove(self, place: Place) -> None:
        """Remove what a try left."""
        self.postgres.drop(place.url)
        shutil.rmtree(place.folder, ignore_errors=True)
        for path in place.folder.parent.glob(f"{place.folder.name}.*"):
            path.unlink()

    def start(
        self,
        place: Place,
        program: str,
        arguments: Sequence[str],
        point: WritePoint | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Child:
        """Start a process of the try."""
        network = {"CHAOS_NETWORK": place.network} if place.network else {}
        environment = place.environment() | {"CHAOS_STAND_IN": "1"} | network | dict(environment)
        output = place.folder.with_name(f"{place.folder.name}.said-{next(_number)}")  # beside it: no write point
        return self.zygote.start(program, arguments, place.folder, output, environment, point)


class Work(Protocol):
    """Work whose outcome is known: a command that does all of it, and goes on where an earlier one was ended."""

    name: str
    bench: Bench

    def place(self) -> Place:
        """A place with nothing done yet."""
        ...

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """Start the command."""
        ...

    def after_fault(self, place: Place) -> None:
        """Look for what is half there, right after a process was ended; into place.half."""
        ...

    def verdict(self, place: Place) -> Verdict:
        """Check what is there when all is done."""
        ...


def finished(work: Work, place: Place, child: Child, limit_s: float = 120.0) -> int:
    """Wait for a process of the work and keep what it said; returns its exit code."""
    code = child.wait(limit_s)
    place.outputs.append(child.said())
    return code


def complete(work: Work, place: Place, attempts: int = 12) -> None:
    """Run the work again until it succeeds. Errors: RuntimeError with what it said when it never does."""
    for _ in range(attempts):
        if finished(work, place, work.start(place)) == 0:
            return
    raise RuntimeError(f"{work.name} does not succeed any more: {place.outputs[-1][-1500:]}")
