"""Work of a service: feedback and logged answers over HTTP, in a process that is started again whenever it ends."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, REFUSED, Cell, Verdict, check
from chaos.place import TRACEBACK, Bench, Place
from chaos.postgres import Proxy
from chaos.zygote import Child
from posemill.serving.schemas.provenance import Provenance

FEEDBACK, LOG = "feedback", "prediction log"
LASTS_S, PAUSE_S = 2.5, 0.015
AFTERWARDS_S = 0.6  # of work after the last fault
PROVENANCE = Provenance.of("b:1", dict.fromkeys(("model", "features", "classes"), "0" * 64))
WINDOWS = np.zeros((1, 5, 4, 3), np.float32)
SURE = np.array([[0.1, 0.9]], np.float32)


def serve() -> None:
    """In the child: the real route of feedback and the real log, behind a route that makes an entry of it."""
    import uvicorn

    from posemill.serving.app import create_app
    from posemill.serving.prediction_log import from_environment
    from posemill.serving.routers import feedback

    log = from_environment("b:1", None, ("rest", "wave"))
    app = create_app("chaos", [feedback.router])

    @app.get("/answer/{name}")
    async def answer(name: str) -> dict[str, int]:
        log.answered(name, WINDOWS, SURE)
        return {"waiting": log.waiting}

    @app.get("/log")
    async def counts() -> dict[str, int]:
        return {"waiting": log.waiting, "lost": log.lost}

    app.router.add_event_handler("shutdown", log.close)  # as the services do
    listener = socket.create_server(("127.0.0.1", 0))
    part = Path("port.part")
    part.write_text(str(listener.getsockname()[1]))
    part.replace("port")
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


@dataclass
class Session:
    """A running service with its supervisor and a client."""

    bench: Bench
    place: Place
    what: str
    database: str | None = None  # another address of it, such as a proxy's
    child: Child | None = None
    started: int = 0
    first_after: dict[float, float] = field(default_factory=dict)  # instant of a fault → seconds to the next answer
    enough: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(verify=False, timeout=8))
    _struck: list[float] = field(default_factory=list)

    def run(self) -> None:
        """The supervisor: start it, and start it again."""
        while not self._ended.is_set():
            (self.place.folder / "port").unlink(missing_ok=True)
            extra = {"POSEMILL_DATABASE_URL": self.database or self.place.via or self.place.url}
            self.child = self.bench.start(self.place, "chaos.service:serve", [], None, extra)
            self.started += 1
            while self.child.poll() is None and not self._ended.is_set():
                time.sleep(0.02)
            self.place.outputs.append(self.child.said())

    def struck(self) -> None:
        """A fault begins now."""
        self._struck.append(time.monotonic())

    def client(self) -> None:
        """Ask one thing after the other, each only once."""
        for number in count():
            if self.enough.is_set():
                return
            name = f"{number:064x}"
            self.place.history.add(ASKED, name)
            kept = self._ask(name)
            self.place.history.add(ACKNOWLEDGED if kept else REFUSED, name)
            if kept:
                for instant in self._struck:
                    self.first_after.setdefault(instant, time.monotonic() - instant)
            time.sleep(PAUSE_S)

    def _ask(self, name: str) -> bool:
        body: dict[str, Any] = {"provenance": PROVENANCE.model_dump(), "start_s": 0.0, "end_s": 1.0, "right": False}
        with suppress(httpx.HTTPError, FileNotFoundError, ValueError):
            url = f"http://127.0.0.1:{int((self.place.folder / 'port').read_text())}"
            if self.what == LOG:
                return self._http.get(f"{url}/answer/{name}").status_code == 200
            return self._http.post(f"{url}/feedback", json=body | {"upload_digest": name}).status_code == 200
        return False

    def answered_again(self, limit_s: float = 20) -> None:
        """Wait until something was acknowledged after every fault."""
        until = time.monotonic() + limit_s
        while len(self.first_after) < len(self._struck) and time.monotonic() < until:
            time.sleep(0.02)

    def end(self) -> None:
        """Wait until the log is written, then end the service as an orchestrator does."""
        until = time.monotonic() + 15
        while self.what == LOG and time.monotonic() < until:
            with suppress(httpx.HTTPError, FileNotFoundError, ValueError):
                url = f"http://127.0.0.1:{int((self.place.folder / 'port').read_text())}"
                if self._http.get(f"{url}/log").json()["waiting"] == 0:
                    break
            time.sleep(0.05)
        self._ended.set()
        assert self.child
        self.child.signal(signal.SIGTERM)
        self.child.wait(30)

    def verdict(self) -> Verdict:
        """Check what is in the database."""
        engine = self.bench.postgres.engine(self.place.url)
        half: list[str] = []
        with engine.connect() as connection:
            if self.what == LOG:
                there = list(connection.scalars(text("SELECT endpoint FROM prediction_log")))
            else:
                there = list(connection.scalars(text("SELECT upload_digest FROM feedback")))
                query = "SELECT upload_digest FROM feedback WHERE NOT is_right AND review_item_id IS NULL"
                half += list(connection.scalars(text(query)))
                query = "SELECT id::text FROM review_item WHERE id NOT IN (SELECT review_item_id FROM feedback)"
                half += list(connection.scalars(text(query)))
        engine.dispose()
        return check(self.place.history, there, half)


@contextmanager
def session(bench: Bench, what: str, place: Place, database: str | None = None) -> Iterator[Session]:
    """A service that answers in a place."""
    running = Session(bench, place, what, database)
    supervisor = threading.Thread(target=running.run)
    supervisor.start()
    try:
        until = time.monotonic() + 30
        while not (place.folder / "port").exists() and time.monotonic() < until:
            time.sleep(0.02)
        yield running
    finally:
        running._ended.set()
        if running.child and running.child.poll() is None:
            os.kill(running.child.pid, signal.SIGKILL)
        supervisor.join()
        running._http.close()
        bench.remove(place)


Strike = Callable[[Session, random.Random], None]


def struck(
    name: str, bench: Bench, what: str, strike: Strike, tries: int, seed: int, times: int = 2, note: str = ""
) -> Cell:
    """A service whose process or database fails `times` times while a client asks."""
    cell, chance = Cell(name, what, seed, note=note), random.Random(seed)
    for _ in range(tries):
        with session(bench, what, bench.place()) as running:
            client = threading.Thread(target=running.client)
            client.start()
            for _ in range(times):
                time.sleep(chance.uniform(0.2, LASTS_S / times))
                running.struck()
                strike(running, chance)
            time.sleep(AFTERWARDS_S)
            running.answered_again()
            running.enough.set()
            client.join()
            running.end()
            cell.add(running.verdict(), max(running.first_after.values(), default=0.0))
            cell.tracebacks += sum(TRACEBACK in output for output in running.place.outputs)
    return cell


def unanswered(bench: Bench, what: str, tries: int, seed: int) -> Cell:
    """The server commits, and its answer is lost with the connection: nobody knows whether it did."""
    cell, chance = Cell("answer to COMMIT lost", what, seed), random.Random(seed)
    for _ in range(tries):
        place = bench.place()
        proxy = Proxy(place.url, lambda number: chance.random() < 0.3)
        with session(bench, what, place, proxy.url) as running:
            client = threading.Thread(target=running.client)
            client.start()
            time.sleep(LASTS_S)
            running.struck()
            running.answered_again()
            running.enough.set()
            client.join()
            running.end()
            cell.add(running.verdict(), max(running.first_after.values(), default=0.0))
        cell.note = f"{proxy.lost} of {proxy.commits} in the last try"
        proxy.close()
    return cell
