"""One stage of dvc.yaml as a subprocess: what it says goes to the log, why it failed becomes an exception."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from flows._trace import give_on
from posemill.errors import PosemillError, Unavailable
from posemill.stages.failure import failure_file, last_failure
from posemill.stages.figures import figures as result
from posemill.stages.workspace import Workspace
from posemill.stages.workspace_lock import workspace_lock

GRACE_S = 10.0  # a stage that is told to stop has this long before it is killed
BAR_EVERY_S = 10.0
HINTS = ("Use `dvc push`", "To track the changes", "To enable auto staging", "\tgit add", "\tdvc config", "> posemill")

_held: dict[Path, int] = {}  # workspaces whose lock this process holds, with the lock's file descriptor


class StageFailed(PosemillError):
    """A stage ended without its outputs. `retryable` is what the stage itself said about trying again."""

    def __init__(self, stage: str, reason: str, retryable: bool = False) -> None:
        super().__init__(f"stage {stage} failed: {reason}")
        self.stage, self.reason, self.retryable = stage, reason, retryable

    def __reduce__(self) -> tuple[type[StageFailed], tuple[str, str, bool]]:
        return StageFailed, (self.stage, self.reason, self.retryable)  # Prefect may pickle what a task raised


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one run. outcome: `ran`, `unchanged`, `restored` (from DVC's cache) or `failed`."""

    stage: str
    outcome: str
    seconds: float
    figures: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


@contextmanager
def one_at_a_time(root: Path, who: str, wait_s: float, log: Callable[[str], object]) -> Iterator[int]:
    """Hold the workspace for a whole run, so that two runs never mix their stages; nested use costs nothing."""
    if root in _held:
        yield _held[root]
        return
    with workspace_lock(root / "build" / "run.lock", who, wait_s, log) as lock:
        _held[root] = lock
        try:
            yield lock
        finally:
            del _held[root]


def run_stage(stage: str, root: Path, log: Callable[[str], object] = print, wait_s: float = 0.0) -> StageRun:
    """Bring one stage up to date with `dvc repro --single-item`.

    Errors: StageFailed with the stage's own sentence; Unavailable when another run holds the workspace.
    """
    workspace = Workspace(root)
    failure_file(workspace, stage).unlink(missing_ok=True)
    started = time.monotonic()
    with one_at_a_time(root, f"stage {stage}", wait_s, log) as lock:
        code, lines = _repro(stage, root, lock, log)
    if code != 0:
        raise _failed(workspace, stage, lines)
    return StageRun(stage, _outcome(lines), time.monotonic() - started, figures(workspace, stage))


def figures(workspace: Workspace, stage: str) -> dict[str, Any]:
    """The plain figures of a stage's result.json; none before it ran."""
    found = result(workspace, stage)
    return {k: v for k, v in found.items() if k != "stage" and isinstance(v, str | int | float)}


def _environment(root: Path) -> dict[str, str]:
    """The programs of this very environment first; DVC runs commands in $SHELL, which a service user may lack."""
    binaries = str(Path(sys.executable).parent)
    path = os.pathsep.join((binaries, os.environ.get("PATH", os.defpath)))
    env = {**os.environ, "PATH": path, "SHELL": "/bin/sh", "POSEMILL_WORKSPACE": str(root)}
    give_on(env)
    return env


def _repro(stage: str, root: Path, lock: int, log: Callable[[str], object]) -> tuple[int, list[str]]:
    """Exit code and lines of `dvc repro`. At a terminal stderr is left to it, so that progress bars are bars."""
    command = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--single-item", stage],
        cwd=root,
        env=_environment(root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.STDOUT,
        pass_fds=(lock,),  # if this process is killed, the orphan still counts as running
        process_group=0,  # so that the whole tree can be stopped
    )
    with command as process:
        try:
            lines = list(_told(process.stdout, log)) if process.stdout else []
            return process.wait(), lines
        except BaseException:
            _stop(process)
            raise


def _told(stream: IO[bytes], log: Callable[[str], object]) -> Iterator[str]:
    """Every line, told as it comes; of a progress bar (lines that end with a carriage return) one now and then."""
    next_bar = 0.0
    with TextIOWrapper(stream, errors="replace", newline="") as text:
        for piece in text:
            line = piece.rstrip()
            if piece.endswith("\r"):
                if time.monotonic() < next_bar:
                    continue
                next_bar = time.monotonic() + BAR_EVERY_S
            if line and not line.startswith(HINTS):
                log(line)
            yield line


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End DVC and the stage under it: first asked, then killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)  # raises as soon as the last of the group is gone
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _outcome(lines: list[str]) -> str:
    if any(line.startswith("Running stage ") for line in lines):
        return "ran"
    return "restored" if any("is cached - skipping run" in line for line in lines) else "unchanged"


def _failed(workspace: Workspace, stage: str, lines: list[str]) -> PosemillError:
    """Return the failure: what the stage left, else DVC's own last words."""
    if failure := last_failure(workspace, stage):
        return StageFailed(stage, failure.reason, failure.retryable)
    said = "\n".join(lines)
    if "is busy, it is being blocked by" in said or "Unable to acquire lock" in said:
        return Unavailable(
            f"stage {stage} cannot start: `dvc` is at work in this workspace, started by hand; wait until it has "
            f"finished or stop it, then run again"
        )
    if told := re.findall(r"^posemill: (error|retryable): (.*)$", said, re.MULTILINE):  # before the stage began
        return StageFailed(stage, told[-1][1], told[-1][0] == "retryable")
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return StageFailed(stage, errors[-1] if errors else "dvc ended with an error; its lines are above")
