"""A PostgreSQL that is restarted, killed, read-only or out of connections; and a proxy that loses its answers."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import psycopg2
from sqlalchemy import Engine, create_engine

from posemill.store.embedded import EmbeddedServer
from posemill.store.postgres import upgrade
from server_statement import execute

_number = count()


class Postgres:
    """One server for all tries, with a database for each."""

    def __init__(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """environment: of the server's processes, besides this one's."""
        self.folder = Path(tempfile.mkdtemp(prefix="posemill-chaos-"))
        self.folder.chmod(0o755)
        self.server = EmbeddedServer(self.folder)
        with mock.patch.dict(os.environ, environment):
            self.url = self.server.start()
        engine = _engine(self.url)
        upgrade(engine)
        engine.dispose()
        self.empty = self.url.rsplit("/", 1)[1]

    def close(self) -> None:
        """Stop it and remove its data."""
        self.server.stop()
        shutil.rmtree(self.server.data.parent, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def clients(self, url: str) -> str:
        """The address of that database which its clients get."""
        return url

    def at(self, url: str) -> str:
        """The address of that database where it is now."""
        return url

    def engine(self, url: str) -> Engine:
        """An engine without the store's own settings, for looking at what is there."""
        return _engine(self.at(url))

    def database(self, template: str | None = None) -> str:
        """The address of a fresh database, a copy of that one.

        With a checkpoint: of a sequence in a copy that is younger than the last one, a server that is killed forgets
        numbers that were given out, since the original had logged them ahead.
        """
        name = f"chaos_{next(_number)}"
        execute(self.url, f"CREATE DATABASE {name} TEMPLATE {template or self.empty}")
        execute(self.url, "CHECKPOINT")
        return f"{self.url.rsplit('/', 1)[0]}/{name}"

    def drop(self, url: str) -> None:
        """Drop a database."""
        execute(self.url, f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def restart(self) -> None:
        """Stop it as an administrator does, which ends every connection, and start it again."""
        self.server.stop()
        self.server.start()

    def kill(self) -> None:
        """SIGKILL; started again, it recovers from its log."""
        os.kill(int((self.server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        time.sleep(0.1)
        self.server.start()

    def refuse_changes(self, for_s: float) -> None:
        """Read-only for a while, as a standby or a server whose disk is full."""
        self._set("default_transaction_read_only = on")
        time.sleep(for_s)
        self._set("default_transaction_read_only = off")

    def exhaust(self, for_s: float) -> None:
        """Hold all connections for a while; those that clients have are ended first, as in a crowd they would be."""
        held = []
        with suppress(psycopg2.OperationalError):
            while True:
                held.append(psycopg2.connect(self.url, connect_timeout=2))
        with suppress(psycopg2.Error):
            held[0].autocommit = True
            held[0].cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'chaos_%'"
            )
        with suppress(psycopg2.OperationalError):
            while True:
                held.append(psycopg2.connect(self.url, connect_timeout=2))
        time.sleep(for_s)
        for connection in held:
            connection.close()

    def _set(self, setting: str) -> None:
        execute(self.url, f"ALTER SYSTEM SET {setting}")
        execute(self.url, "SELECT pg_reload_conf()")
        time.sleep(0.05)


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), pool_pre_ping=True)


class Proxy(threading.Thread):
    """Between a client and the server. `lose`: of the n-th COMMIT the answer is lost, and the connection with it.
    `frozen`: nothing passes, in neither direction, as in a network that loses all packets; `cut`: connections end.
    """

    def __init__(self, url: str, lose: Callable[[int], bool] = lambda number: False, host: str = "127.0.0.1") -> None:
        super().__init__(daemon=True)
        self._to = int(url.rsplit(":", 1)[1].split("/")[0])
        self._listener = socket.create_server((host, 0))
        self._lose, self.commits, self.lost, self.frozen, self.cut = lose, 0, 0, False, False
        self.url = url.replace(f"@127.0.0.1:{self._to}/", f"@{host}:{self._listener.getsockname()[1]}/")
        self.start()

    def run(self) -> None:
        """Accept until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._to), 10) as server:
            while True:
                if self.cut:
                    return
                if self.frozen:
                    time.sleep(0.02)
                    continue
                for ready in select.select([client, server], [], [], 0.1)[0]:
                    piece = ready.recv(65536)
                    if not piece:
                        return
                    if ready is server:
                        client.sendall(piece)
                        continue
                    server.sendall(piece)
                    if b"COMMIT\0" in piece:
                        self.commits += 1
                        if self._lose(self.commits):
                            self.lost += 1
                            server.recv(65536)  # the server has done it; nobody will know
                            return


@contextmanager
def own_postgres(environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Postgres]:
    """A server for the length of a `with`."""
    server = Postgres(environment)
    try:
        yield server
    finally:
        server.close()
