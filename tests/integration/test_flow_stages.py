"""One stage of a flow with the real DVC, in toy workspaces.

Slow (1-2 s a stage): locks, process groups and DVC's own words cannot be had from a stand-in.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from flows._dvc import StageFailed, one_at_a_time, run_stage

from posemill.errors import Unavailable
from toy_workspace import REPOSITORY, attempts, toy_workspace, wish
from waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return toy_workspace(tmp_path / "toy")


def test_a_stage_runs_once_and_then_is_unchanged(workspace: Path) -> None:
    said: list[str] = []
    first = run_stage("snapshot", workspace, said.append)
    assert (first.stage, first.outcome, first.figures) == ("snapshot", "ran", {"clips": 12})
    assert "toy snapshot at work" in said
    assert [run_stage("ingest", workspace, said.append).outcome for _ in range(2)] == ["ran", "unchanged"]
    assert attempts(workspace) == ["snapshot", "ingest"]


def test_a_stage_that_ran_before_with_the_same_inputs_is_restored(workspace: Path) -> None:
    run_stage("snapshot", workspace)
    for text, outcome in (("a", "ran"), ("b", "ran"), ("a", "restored")):
        wish(workspace, ingest={"text": text})
        assert run_stage("ingest", workspace).outcome == outcome
    assert (workspace / "build" / "ingest" / "toy.txt").read_text() == "ingest a\n"


@pytest.mark.parametrize(
    ("section", "message", "retryable"),
    [
        ({"error": "clips.parquet has no activity; add some"}, "clips.parquet has no activity; add some", False),
        ({"unavailable": "no database at localhost"}, "no database at localhost", True),
        ({"bug": True}, "RuntimeError: a bug", False),
        ({"die": True}, "it was killed", False),
    ],
)
def test_a_failure_names_the_stage_and_the_reason(
    workspace: Path, section: dict[str, object], message: str, retryable: bool
) -> None:
    wish(workspace, snapshot=section)
    with pytest.raises(StageFailed, match=f"stage snapshot failed: {message}") as caught:
        run_stage("snapshot", workspace)
    assert caught.value.retryable is retryable


def test_what_dvc_itself_refuses_is_told(workspace: Path) -> None:
    with pytest.raises(StageFailed, match=r"stage train failed: .*build/prepare/toy\.txt"):
        run_stage("train", workspace)


def test_dvc_at_work_by_hand_gives_our_sentence(workspace: Path) -> None:
    wish(workspace, snapshot={"sleep_s": 120})
    desk = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "snapshot"],
        cwd=workspace,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        until(lambda: attempts(workspace) == ["snapshot"])
        with pytest.raises(Unavailable, match="`dvc` is at work in this workspace, started by hand"):
            run_stage("snapshot", workspace)
    finally:
        os.killpg(desk.pid, signal.SIGKILL)
        desk.wait()


def test_two_runs_at_once_the_second_is_told_who_runs(workspace: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from flows._dvc import one_at_a_time\n"
        "with one_at_a_time(Path(sys.argv[1]), 'build-model', 0, print): print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(workspace)], stdout=subprocess.PIPE, env=with_flows())
    with first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(Unavailable, match=r"stage snapshot cannot start: build-model .* is running"):
            run_stage("snapshot", workspace)
        first.kill()
    assert run_stage("snapshot", workspace).outcome == "ran"


def test_a_run_that_has_the_workspace_runs_its_stages_in_it(workspace: Path) -> None:
    with one_at_a_time(workspace, "build-model", 0, print):
        assert run_stage("snapshot", workspace).outcome == "ran"
        assert run_stage("ingest", workspace).outcome == "ran"


INTERRUPTED = """
import signal, sys
from pathlib import Path
from flows._dvc import run_stage
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored
run_stage("snapshot", Path(sys.argv[1]))
"""


def test_an_interrupted_run_stops_the_stage_under_it(workspace: Path) -> None:
    wish(workspace, snapshot={"sleep_s": 300})
    command = [sys.executable, "-c", INTERRUPTED, str(workspace)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as run:
        until(lambda: attempts(workspace) == ["snapshot"])
        run.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in run.communicate(timeout=120)[1]
    wish(workspace)
    assert run_stage("snapshot", workspace).outcome == "ran"  # nobody is left who holds the workspace


def test_the_task_function_runs_the_stage_of_the_current_workspace(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows._house import stage_task

    monkeypatch.setenv("POSEMILL_WORKSPACE", str(workspace))
    assert stage_task("snapshot").fn("snapshot").outcome == "ran"


def with_flows() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
