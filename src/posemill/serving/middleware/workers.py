"""Worker processes of one service: how many there are, and the folder in which they share rates and metrics."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from posemill.errors import InputError

WORKERS = "POSEMILL_WORKERS"
MOST = 64


def worker_count(env: Mapping[str, str] | None = None) -> int:
    """Return the worker processes that the environment asks for. Errors: InputError names the variable.

    Examples:
        >>> worker_count({}), worker_count({"POSEMILL_WORKERS": "4"})
        (1, 4)
    """
    value = (os.environ if env is None else env).get(WORKERS) or "1"
    if not value.isdecimal() or not 1 <= int(value) <= MOST:
        raise InputError(f"{WORKERS} should be a number from 1 to {MOST}, came as {value!r}")
    return int(value)


def shared_folder() -> Path:
    """Return a folder that this service's workers have, and no other server's: made by the first of them.

    Workers are children of one server process, whose number and start name it. Those of servers that ended are removed.
    """
    import psutil

    server, beginning = psutil.Process(os.getppid()), f"posemill-workers-{os.getuid()}-"
    folder = Path(tempfile.gettempdir()) / f"{beginning}{server.pid}-{server.create_time():.2f}"
    for other in folder.parent.glob(f"{beginning}*"):
        pid = other.name.removeprefix(beginning).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:  # somebody else made it, to change counts
        raise InputError(f"{folder} is not this user's alone: remove it, then start the service again")
    return folder
