"""`dvc repro` of a graph of small stages, killed with all of its processes; outputs and DVC's cache are checked."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from chaos.history import ACKNOWLEDGED, ASKED, Cell, History, Verdict, check
from chaos.place import TRACEBACK, Bench
from posemill.stages.workspace import GATE, STAGES
from toy_workspace import toy_workspace

OUTPUTS = (*STAGES, GATE)


def killed(bench: Bench, tries: int, seed: int) -> Cell:
    """SIGKILL of the whole process group at any moment; then it is run again."""
    cell, chance = Cell("SIGKILL of all processes", "dvc repro (build and DVC cache)", seed), random.Random(seed)
    template = toy_workspace(bench.postgres.folder / "toy")
    began = time.monotonic()
    whole = bench.postgres.folder / "whole"
    _copy(template, whole)
    _repro(whole).wait()
    seconds = time.monotonic() - began
    for number in range(tries):
        folder = bench.postgres.folder / f"toy-{number}"
        _copy(template, folder)
        process = _repro(folder)
        time.sleep(chance.uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        since = time.monotonic()
        again = _repro(folder)
        said = again.communicate(timeout=120)[0]
        recovery_s = time.monotonic() - since
        cell.tracebacks += TRACEBACK in said
        cell.add(_verdict(folder, whole, again.returncode), recovery_s)
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    subprocess.run(["rm", "-rf", str(whole), str(template)], check=True)
    return cell


def _copy(template: Path, folder: Path) -> None:
    subprocess.run(["cp", "-a", str(template), str(folder)], check=True)


def _repro(folder: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    source = os.pathsep.join(filter(None, sys.path))
    env = os.environ | {"PATH": path, "PYTHONPATH": source, "DVC_NO_ANALYTICS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=env, text=True, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
    )


def _verdict(folder: Path, whole: Path, code: int) -> Verdict:
    """Every stage's output is that of the undisturbed run, and the same again has nothing left to do."""
    history, there, different = History(), [], []
    for stage in OUTPUTS:
        history.add(ASKED, stage)
        history.add(ACKNOWLEDGED, stage)
        output = folder / "build" / stage / "toy.txt"
        if output.is_file():
            there.append(stage)
        if not output.is_file() or output.read_bytes() != (whole / "build" / stage / "toy.txt").read_bytes():
            different.append(stage)
    if code or (folder / "dvc.lock").read_bytes() != (whole / "dvc.lock").read_bytes():
        different.append(f"dvc.lock, exit code {code}")
    return check(history, there, different=different)
