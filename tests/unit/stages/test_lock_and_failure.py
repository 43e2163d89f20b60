from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posemill.errors import GateError, PosemillError, Unavailable
from posemill.stages.failure import KILLED, attempt, failure_file, last_failure
from posemill.stages.workspace import Workspace
from posemill.stages.workspace_lock import workspace_lock

HOLD = """
import sys, time
from pathlib import Path
from posemill.stages.workspace_lock import workspace_lock
with workspace_lock(Path(sys.argv[1]), "build-model"):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_told_who_runs_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    first = hold(path)
    with first:
        with (
            pytest.raises(Unavailable, match=rf"build-model \(process {first.pid}, since .*wait until"),
            workspace_lock(path, "b"),
        ):
            pass
        first.kill()
    with workspace_lock(path, "b"):
        pass


def test_waiting_is_said_once_and_ends_when_the_first_ends(tmp_path: Path) -> None:
    path, said = tmp_path / "run.lock", []
    with hold(path) as first:
        started = time.monotonic()
        killer = subprocess.Popen(["/bin/sh", "-c", f"sleep 1; kill {first.pid}"])
        with workspace_lock(path, "label-backlog", wait_s=120, log=said.append):
            assert 0.5 < time.monotonic() - started < 60
        killer.wait()
    assert len(said) == 1
    assert "label-backlog waits up to 120 s for build-model" in said[0]


def test_the_lock_lives_as_long_as_a_child_that_was_given_it(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with workspace_lock(path, "a") as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    with child:
        with pytest.raises(Unavailable), workspace_lock(path, "b"):
            pass
        child.kill()
        child.wait()
        with workspace_lock(path, "b"):
            pass


def test_success_leaves_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with attempt(workspace, "train"):
        assert last_failure(workspace, "train").reason == KILLED  # type: ignore[union-attr]
    assert last_failure(workspace, "train") is None


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        (GateError("accuracy 0.41 is below 0.60"), "accuracy 0.41 is below 0.60", False),
        (Unavailable("no database at localhost"), "no database at localhost", True),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero", False),
    ],
)
def test_the_reason_is_left_and_the_error_goes_on(
    tmp_path: Path, error: Exception, reason: str, retryable: bool
) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(type(error)) as caught, attempt(workspace, "evaluate"):
        raise error
    assert caught.value is error
    failure = last_failure(workspace, "evaluate")
    assert failure is not None
    assert (failure.stage, failure.reason, failure.retryable) == ("evaluate", reason, retryable)


def test_a_full_disk_becomes_one_sentence(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    told = r"no space left on the disk.*free some.*goes on at label"
    with pytest.raises(PosemillError, match=told), attempt(workspace, "label"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "tracks.parquet")
    assert "free some" in last_failure(workspace, "label").reason  # type: ignore[union-attr]


def test_a_second_stage_in_the_same_workspace_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with attempt(workspace, "train"), pytest.raises(Unavailable, match="stage train"), attempt(workspace, "label"):
        pass
    assert last_failure(workspace, "label").retryable  # type: ignore[union-attr]


def test_a_failure_file_cut_short_is_no_failure(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    path = failure_file(workspace, "train")
    path.parent.mkdir(parents=True)
    path.write_text('{"stage": "tr')
    assert last_failure(workspace, "train") is None
