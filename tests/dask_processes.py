"""A Dask scheduler and workers as processes, on this machine or in network namespaces of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from event_receivers import free_port
from network_hosts import Host
from object_stores import process, wait_for_port

# sitecustomize.py of workers: the first that begins to cut a shard notes its number in $BEGUN, and waits to be killed
STUCK = """
import os, time
from pathlib import Path
import posemill.stages.cut_on_cluster as cutting
really = cutting.cut_windows
begun = Path(os.environ["BEGUN"])
def slow(*args):
    with begun.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if len(begun.read_text().split()) == 1:
        time.sleep(600)
    return really(*args)
cutting.cut_windows = slow
"""
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
def scheduler(folder: Path, host: Host | None = None) -> Iterator[str]:
    """A Dask scheduler, here or on a host; yields its address."""
    port, log, address = free_port(), folder / "scheduler.log", host.address if host else "127.0.0.1"
    options = ["--host", address, "--port", str(port), "--no-dashboard"]
    command = [*(host.inside if host else []), sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
    with process(command, log):
        host.wait_for_port(port) if host else wait_for_port(port, log)
        yield f"tcp://{address}:{port}"


@contextmanager
def worker(
    address: str, name: str, folder: Path, env: Mapping[str, str], host: Host | None = None
) -> Iterator[Popen[bytes]]:
    """A Dask worker with one thread, here or on a host; nobody starts it again when it ends. Yields its process."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name, "--local-directory", str(folder)]
    options += ["--host", host.address if host else "127.0.0.1"]
    command = [*(host.inside if host else []), sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
    with process(command, folder / "worker.log", env) as started:
        yield started
