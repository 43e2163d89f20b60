"""Runtime files of the embedded server: port, password file, lock, log and stale PID file."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def secret(path: Path) -> str:
    """Return the password in `path`, made on first use and never readable by others."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def free_port() -> int:
    """Return a TCP port of loopback that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """True if a server could listen on that port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def socket_folder(data: Path) -> str:
    """Folder of the socket; empty (TCP alone) in a deep home, since a socket's path may have 107 bytes."""
    return str(data) if len(str(data)) < 85 and "'" not in str(data) and " " not in str(data) else ""


def drop_stale_pid(data: Path) -> None:
    """Remove the PID file if another program has the number: PostgreSQL would take it for itself running."""
    pid_file = data / "postmaster.pid"
    try:
        name = Path("/proc", pid_file.read_text().split("\n")[0].strip(), "comm").read_text().strip()
    except OSError:
        return
    if name != "postgres":
        pid_file.unlink(missing_ok=True)


def last_line(log: Path) -> str:
    """The last line of a log that says what went wrong."""
    lines = [
        line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "error" in line.lower()
    ]
    return lines[-1] if lines else "no reason was logged"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process, so a killed one blocks nobody."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
