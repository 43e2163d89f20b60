"""A primary and its standby, by streaming replication; failing over ends the one and promotes the other.

Commits wait for the standby (synchronous_standby_names): once promoted, it has every one that was acknowledged. Clients
know both addresses and take the server that takes changes.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from chaos.postgres import Postgres
from posemill.store.os_user import server_user
from posemill.store.server_files import free_port
from server_statement import execute

NAME = "standby"
START_S = 30.0


class Node:
    """One server: its data folder and port."""

    def __init__(self, data: Path, port: int, pair: Pair) -> None:
        self.data, self.port, self._pair = data, port, pair

    def start(self) -> None:
        """Start it and wait until it answers."""
        tool, user = self._pair.tool("postgres"), self._pair.user
        folder = f"unix_socket_directories={self.data}"
        user.spawn([tool, "-D", self.data, "-p", self.port, "-c", folder], self._pair.log)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with suppress(psycopg2.OperationalError):
                psycopg2.connect(self._pair.address(self.port), dbname="postgres", connect_timeout=2).close()
                return
            time.sleep(0.05)
        raise TimeoutError(f"{self.data} does not start: {self._pair.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL of the server and, soon after it, of its children."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def promote(self) -> None:
        """Make a standby a primary."""
        execute(self._pair.address(self.port), "SELECT pg_promote(true, 60)")


class Pair(Postgres):
    """Two servers in the place of one."""

    def __init__(self) -> None:
        super().__init__()
        data = self.server.data
        self.tool, self.log = self.server._tool, self.server.log
        self.user = server_user(data)
        self._login, first = self.url.split("@", 1)
        self.server.stop()
        self.primary = Node(data, int(first.split(":")[1].split("/")[0]), self)
        self.standby = Node(data.with_name("data-second"), free_port(), self)
        self._ports = (self.primary.port, self.standby.port)
        self.failovers = 0
        self.primary.start()
        self._make_standby()

    def address(self, port: int, name: str = "posemill") -> str:
        """The address of a database on one server."""
        return f"{self._login}@127.0.0.1:{port}/{name}"

    def clients(self, url: str) -> str:
        """See Postgres: both servers, always in the same order."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"{self._login}@{hosts}/{url.rsplit('/', 1)[1]}"

    def at(self, url: str) -> str:
        """See Postgres: the same database on the present primary."""
        return self.address(self.primary.port, url.rsplit("/", 1)[1])

    def fail_over(self, dark_s: float = 0.0) -> None:
        """Kill the primary, promote the standby after `dark_s`, and make the old primary the new one's standby."""
        self.primary.kill()
        time.sleep(dark_s)
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        self.url = self.address(self.primary.port)
        self.failovers += 1
        self._make_standby()

    def close(self) -> None:
        """End both and remove their data."""
        for node in (self.standby, self.primary):
            node.kill()
        time.sleep(0.5)
        shutil.rmtree(self.server.data.parent, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_standby(self) -> None:
        data = self.standby.data
        until = time.monotonic() + START_S
        while data.exists():  # children of a killed server write a moment longer
            shutil.rmtree(data, ignore_errors=True)
            if time.monotonic() > until:
                raise TimeoutError(f"{data} cannot be removed")
        data.mkdir(mode=0o700)
        self.user.own(data)
        source = f"{self.address(self.primary.port, 'postgres')}?application_name={NAME}"
        backup: list[object] = [
            self.tool("pg_basebackup"),
            "-D",
            data,
            "-d",
            source,
            "-R",
            "-c",
            "fast",
            "-X",
            "stream",
        ]
        if self.user.run(backup, self.log):
            raise RuntimeError(f"no base backup: {self.log.read_text()[-2000:]}")
        own = data / "postgresql.auto.conf"  # once promoted it waits for nobody
        own.write_text("\n".join(line for line in own.read_text().splitlines() if "synchronous" not in line) + "\n")
        self.standby.start()
        self._wait_for("state = 'streaming'")
        execute(self.url, f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        execute(self.url, "SELECT pg_reload_conf()")
        self._wait_for("sync_state = 'sync'")

    def _wait_for(self, condition: str) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            connection = psycopg2.connect(self.url, dbname="postgres")
            with connection, connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM pg_stat_replication WHERE {condition}")
                (count,) = cursor.fetchone() or (0,)
            connection.close()
            if count:
                return
            time.sleep(0.05)
        raise TimeoutError(f"the standby never had {condition}")


@contextmanager
def own_pair() -> Iterator[Pair]:
    """Two servers for the length of a `with`."""
    pair = Pair()
    try:
        yield pair
    finally:
        pair.close()
