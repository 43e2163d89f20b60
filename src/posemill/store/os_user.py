"""Operating-system user that runs the embedded server, and the paths it can reach.

PostgreSQL refuses to run as root. Then an existing unprivileged user runs it, and everything it needs must lie
where that user may go: permissions of folders that are not ours are never changed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posemill.errors import Unavailable

CANDIDATES = ("postgres", "nobody")


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
        identity = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
        with log.open("ab") as out:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=env,
                timeout=timeout_s,
                start_new_session=True,
                check=False,
                **identity,  # type: ignore[call-overload]
            )
        return int(done.returncode)


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
