"""Lease holder: a thread with a connection of its own renews the lease and holds the lock that shows it is alive."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from posemill.errors import Unavailable
from posemill.store.ledger import LOCKS, Lease, Ledger, database

LEASE_S = 60.0
STALLED_S = 1800.0  # without a sign of progress for so long a lease is no longer renewed: others may try


class LeaseHolder:
    """A worker's name and lock. In a `with`, its present lease is renewed until it is released.

    Errors: Unavailable when the database is away at the start. Later faults are tried again every few seconds.
    """

    def __init__(self, ledger: Ledger, lease_s: float = LEASE_S) -> None:
        self.key = secrets.randbelow(2**31 - 1) + 1
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._ledger, self._lease_s = ledger, lease_s
        self._lease: Lease | None = None
        self._heartbeat_at = time.monotonic()
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._keep, name="posemill-lease", daemon=True)

    def __enter__(self) -> LeaseHolder:
        with database(self._ledger.engine):  # says in a sentence that the database is away
            self._connection: Connection | None = self._connect(self._ledger.engine)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._changed.set()
        self._thread.join()
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # the lock goes with the connection, but a moment after this returns
                self._connection.execute(text("SELECT pg_advisory_unlock(:locks, :key)"), self._lock)
            self._connection.invalidate()
            self._connection.close()

    def claim(self, ids: list[int]) -> Lease | None:
        """Claim a lease, see Ledger.claim; it is renewed from now on."""
        self._heartbeat_at = time.monotonic()
        self._lease = self._ledger.claim(ids, self.name, self.key, self._lease_s)
        return self._lease

    def heartbeat(self) -> None:
        """Report progress in the present lease."""
        self._heartbeat_at = time.monotonic()

    def release(self) -> None:
        """End the renewal of the present lease: its job is finished, one way or another."""
        self._lease = None

    @property
    def _lock(self) -> dict[str, int]:
        return {"locks": LOCKS, "key": self.key}

    def _keep(self) -> None:
        while not self._changed.wait(self._lease_s / 4) and not self._ended:
            try:
                self._renew()
            except (SQLAlchemyError, Unavailable):  # the work itself will find out, and say so
                self._drop()

    def _renew(self) -> None:
        if self._connection is None:
            self._connection = self._connect(self._ledger.engine)
        lease = self._lease
        if lease is not None and time.monotonic() - self._heartbeat_at < STALLED_S:
            self._ledger.renew(self._connection, lease.id, self.key, self._lease_s)
        else:
            self._connection.execute(text("SELECT 1"))

    def _connect(self, engine: Engine) -> Connection:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SELECT pg_advisory_lock(:locks, :key)"), self._lock)
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
