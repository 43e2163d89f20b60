"""A Dask scheduler and workers as processes, on this machine or in network namespaces of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from event_receivers import free_port
from object_stores import process, wait_for_port

REPOSITORY = Path(__file__).resolve().parents[1]


def worker_environment(workspace: Path, store: str, **more: str) -> dict[str, str]:
    """Environment of a worker with a workspace of its own and a store that it shares."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("POSEMILL_", "DASK_"))}
    paths = [str(REPOSITORY / "tests"), str(REPOSITORY / "src"), str(REPOSITORY)]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([*([more.pop("site")] if "site" in more else []), *paths]),
        "POSEMILL_WORKSPACE": str(workspace),
        "POSEMILL_STORE_URL": store,
        "OMP_NUM_THREADS": "1",
        **more,
    }


@contextmanager
def scheduler(folder: Path, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> Iterator[str]:
    """A Dask scheduler; yields its address. inside: what its command begins with, as `ip netns exec NAME`."""
    port, log = free_port(), folder / "scheduler.log"
    command = [*inside, sys.executable, "-m", "distributed.cli.dask_scheduler"]
    with process([*command, "--host", host, "--port", str(port), "--no-dashboard"], log):
        if not inside:
            wait_for_port(port, log)
        yield f"tcp://{host}:{port}"


@contextmanager
def worker(
    address: str, name: str, folder: Path, env: Mapping[str, str], host: str = "127.0.0.1", inside: Sequence[str] = ()
) -> Iterator[Popen[bytes]]:
    """A Dask worker with one thread, which nobody starts again when it ends; yields its process."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name, "--local-directory", str(folder)]
    command = [*inside, sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", host, *options]
    with process(command, folder / "worker.log", env) as started:
        yield started
