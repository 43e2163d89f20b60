"""Operating-system user that runs the embedded server, and the paths it can reach.

PostgreSQL refuses to run as root. Then an existing unprivileged user runs it, and everything it needs must lie
where that user may go: permissions of folders that are not ours are never changed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.errors import Unavailable

CANDIDATES = ("postgres", "nobody")


class Spawned:
    """A process that outlives this one; while both live, its end is noticed and leaves no zombie."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._pid, self._ended = process.pid, threading.Event()
        process.returncode = 0  # nobody waits for it through this object, which would warn that it runs on
        threading.Thread(target=self._reap, name="posemill-reaper", daemon=True).start()

    @property
    def alive(self) -> bool:
        """True until the process ends."""
        return not self._ended.is_set()

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._ended.set()


@dataclass(frozen=True, slots=True)
class OsUser:
    """A system user by number; `switch` is True when this process must change to it."""

    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Give a file or folder that we made to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def own_all(self, folder: Path) -> None:
        """Give a folder and all in it to this user, unless it has it: copied by root, it belongs to root."""
        if self.switch and folder.stat().st_uid != self.uid:
            for path in (*folder.rglob("*"), folder):
                os.chown(path, self.uid, self.gid, follow_symlinks=False)
            folder.chmod(0o700)

    def can_reach(self, path: Path) -> bool:
        """True if this user may pass through every existing folder on the way to `path`."""
        if not self.switch:
            return True
        return all(p.stat().st_mode & 0o001 for p in path.resolve().parents if p.exists())

    def run(self, command: Sequence[object], log: Path, timeout_s: float = 120) -> int:
        """Run a command as this user, its output appended to `log`; returns the exit code."""
        with self._popen(command, log) as process:
            try:
                return int(process.wait(timeout_s))
            except BaseException:
                process.kill()
                raise

    def spawn(self, command: Sequence[object], log: Path) -> Spawned:
        """Start a server as this user that outlives this process, its output appended to `log`."""
        return Spawned(self._popen(command, log))

    def _popen(self, command: Sequence[object], log: Path) -> subprocess.Popen[bytes]:
        identity: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
        with log.open("ab") as out:
            return subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=env,
                start_new_session=True,
                **identity,
            )


def server_user(data: Path) -> OsUser:
    """The user that runs the server of `data`: its owner, else ourselves, else (as root) an unprivileged user."""
    me = os.geteuid()
    if data.exists():
        owner = data.stat()
        if me == 0 and owner.st_uid == 0:
            return _unprivileged()
        if me not in (0, owner.st_uid):
            raise Unavailable(
                f"the embedded database in {data} belongs to user number {owner.st_uid}, not to you ({me}): "
                "run posemill as that user, or set POSEMILL_HOME or POSEMILL_DATABASE_URL"
            )
        return OsUser(owner.st_uid, owner.st_gid, switch=me == 0)
    if me != 0:
        return OsUser(me, os.getegid(), switch=False)
    return _unprivileged()


def _unprivileged() -> OsUser:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(entry.pw_uid, entry.pw_gid, switch=True)
    raise Unavailable(
        f"PostgreSQL does not run as root and there is no user {' or '.join(CANDIDATES)}: "
        "run posemill as an ordinary user, or set POSEMILL_DATABASE_URL"
    )
