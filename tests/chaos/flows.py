"""SIGKILL of flow runs on a real Prefect server: none stays in Running."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from chaos.history import Cell, Verdict
from chaos.place import Bench
from toy_workspace import REPOSITORY, toy_workspace, wish

LOST_S = 60  # without a heartbeat, in place of three minutes; the least time between two is 30 s
NAME, WHERE = "SIGKILL of a run and its stages", "flows on a Prefect server"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def killed(bench: Bench, tries: int, seed: int) -> Cell:
    """As many runs at once as there are tries, each in a workspace of its own, killed soon after it says Running."""
    cell, chance = Cell(NAME, WHERE, seed), random.Random(seed)
    folder = bench.postgres.folder / "flows"
    folder.mkdir()
    with _server(folder) as env:
        runs = {}
        for number in range(tries):
            workspace = toy_workspace(folder / f"workspace-{number}")
            wish(workspace, label={"sleep_s": 600})
            known = set(_runs(env))
            process = _flow(workspace, env)
            name = _wait(partial(_new_run, env, known))
            time.sleep(chance.choice((0.0, chance.uniform(0, 6))))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            runs[name] = time.monotonic()
        left = dict(runs)
        ended: dict[str, float] = {}
        until = time.monotonic() + 3 * LOST_S
        while left and time.monotonic() < until:
            states = _runs(env)
            for name in [name for name in left if states[name] in ENDED]:
                ended[name] = time.monotonic() - left.pop(name)
            time.sleep(1)
    for name in runs:
        stuck = (f"{name} stays Running",) if name in left else ()
        cell.add(Verdict(acknowledged=1, half=stuck), ended.get(name, 3.0 * LOST_S))
    cell.note = f"{tries} runs, crashed {LOST_S} s after the last heartbeat (three minutes as it is shipped)"
    return cell


@contextmanager
def _server(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of flows of a server with posemill's automations."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lost = ("PREFECT_", "POSEMILL_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(lost)} | {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)]),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(lambda: _healthy(env))
        subprocess.run([sys.executable, "-c", _REGISTER, str(LOST_S)], env=env, check=True)
        yield env
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(20)
        if server.poll() is None:
            server.kill()
            server.wait()


_REGISTER = f"""
import sys
from datetime import timedelta
from uuid import UUID
from flows._automations import automations, register_automations
from prefect.client.orchestration import get_client
wanted = automations(UUID("{uuid4()}"), heartbeat_lost=timedelta(seconds=int(sys.argv[1])))
with get_client(sync_client=True) as client:
    register_automations(client, [each for each in wanted if "crash" in each.name])
"""


def _flow(workspace: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    own = env | {"POSEMILL_WORKSPACE": str(workspace)}
    with (workspace / "flow.log").open("w") as log:
        command = [sys.executable, "-m", "flows.label_backlog"]
        return subprocess.Popen(command, cwd=workspace, env=own, stdout=log, stderr=log, start_new_session=True)


def _healthy(env: dict[str, str]) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{env['PREFECT_API_URL']}/health", timeout=5).status_code == 200
    return False


def _runs(env: dict[str, str]) -> dict[str, str]:
    answer = httpx.post(f"{env['PREFECT_API_URL']}/flow_runs/filter", json={}, timeout=30)
    return {run["name"]: run["state_type"] for run in answer.raise_for_status().json()}


def _new_run(env: dict[str, str], known: set[str]) -> str:
    return next((name for name, state in _runs(env).items() if name not in known and state == "RUNNING"), "")


def _wait(condition: Any, limit_s: float = 150) -> Any:
    until = time.monotonic() + limit_s
    while not (found := condition()):
        if time.monotonic() > until:
            raise TimeoutError(f"nothing in {limit_s:.0f} s")
        time.sleep(0.1)
    return found
