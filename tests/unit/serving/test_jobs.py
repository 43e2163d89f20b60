"""A bounded queue of videos: order, progress, cancelling, and nothing that stays."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.serving import jobs as module
from posemill.serving.jobs import Full, Job, Jobs, State
from posemill.serving.routers.jobs import status_of

PATIENCE_S = 60


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def jobs(temporary: Path) -> Iterator[Jobs]:
    jobs = Jobs(3, keep_s=3600)
    yield jobs
    jobs.close()
    assert not list(temporary.iterdir())


class Gate:
    """Work that has begun when `begun` is set, and goes on frame by frame once `go` is."""

    def __init__(self, frames: int = 3) -> None:
        self.frames, self.begun, self.go = frames, threading.Event(), threading.Event()

    def __call__(self, job: Job) -> None:
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        for _ in range(self.frames):
            job.posed(1)
        (job.folder / "answer.json").write_text("{}")


def started(jobs: Jobs, work: module.Work, frames: int = 3) -> Job:
    job = jobs.open()
    job.frames = frames
    (job.folder / "upload").write_text("video")
    jobs.start(job, work)
    return job


def files(temporary: Path) -> list[str]:
    return sorted(path.name for path in temporary.rglob("*") if path.is_file() and path.name != "lock")


def test_one_after_the_other_in_order(jobs: Jobs) -> None:
    first, then = Gate(), [Gate(), Gate()]
    a = started(jobs, first)
    rest = [started(jobs, gate) for gate in then]
    assert first.begun.wait(PATIENCE_S)
    assert [j.state for j in (a, *rest)] == [State.RUNNING, State.QUEUED, State.QUEUED]
    assert not then[0].begun.is_set()
    first.go.set()
    assert then[0].begun.wait(PATIENCE_S)
    assert not then[1].begun.is_set()
    for gate in then:
        gate.go.set()
    assert rest[1].answered.wait(PATIENCE_S)
    assert {j.state for j in (a, *rest)} == {State.DONE}
    assert status_of(a).model_dump() == {
        "job": a.id,
        "state": "done",
        "progress": 1.0,
        "frames_done": 3,
        "frames": 3,
        "error": None,
    }


def test_no_more_than_allowed_from_the_upload_on(jobs: Jobs) -> None:
    gate = Gate()
    taken = started(jobs, gate), started(jobs, gate)
    uploading = jobs.open()
    with pytest.raises(Full, match="3 videos are already being worked on or wait"):
        jobs.open()
    jobs.forget(uploading)
    assert jobs.get(uploading.id) is None
    jobs.forget(jobs.open())
    gate.go.set()
    assert all(job.answered.wait(PATIENCE_S) for job in taken)


def test_progress_counts_posing_and_drawing() -> None:
    job = Job("a", Path("a"), frames=10)
    job.posed(5)
    assert job.progress == pytest.approx(0.45)
    job.posed(7)  # more than the container said
    assert job.progress == pytest.approx(0.9)
    job.drew(0.5)
    assert job.progress == pytest.approx(0.95)


def test_a_running_job_ends_at_the_next_frame(jobs: Jobs, temporary: Path) -> None:
    gate = Gate()
    job = started(jobs, gate)
    assert gate.begun.wait(PATIENCE_S)
    jobs.cancel(job)
    gate.go.set()
    assert job.answered.wait(PATIENCE_S)
    assert (job.state, job.frames_done) == (State.CANCELLED, 1)
    assert files(temporary) == []
    assert jobs.get(job.id) is job
    jobs.cancel(job)
    assert jobs.get(job.id) is None


def test_a_waiting_job_never_begins(jobs: Jobs, temporary: Path) -> None:
    gate, never = Gate(), Gate()
    running, waiting = started(jobs, gate), started(jobs, never)
    jobs.cancel(waiting)
    assert waiting.state is State.CANCELLED
    gate.go.set()
    assert running.answered.wait(PATIENCE_S)
    started(jobs, gate).answered.wait(PATIENCE_S)
    assert not never.begun.is_set()


@pytest.mark.filterwarnings("ignore")
def test_a_failure_is_a_sentence_and_the_next_job_runs(jobs: Jobs, temporary: Path) -> None:
    def unreadable(job: Job) -> None:
        raise InputError("a.mp4 is cut off")

    def broken(job: Job) -> None:
        raise ZeroDivisionError("secret")

    failed = [started(jobs, unreadable), started(jobs, broken)]
    assert all(job.answered.wait(PATIENCE_S) for job in failed)
    assert [job.state for job in failed] == [State.FAILED] * 2
    assert failed[0].error == "a.mp4 is cut off"
    assert isinstance(failed[0].failure, InputError)
    assert failed[1].error is not None
    assert "secret" not in failed[1].error
    assert files(temporary) == []
    gate = Gate()
    gate.go.set()
    good = started(jobs, gate)
    assert good.answered.wait(PATIENCE_S)
    assert (good.state, files(temporary)) == (State.DONE, ["answer.json", "upload"])
    jobs.cancel(good)
    assert files(temporary) == []


def test_forgetting_a_running_job_removes_it_when_it_ends(jobs: Jobs, temporary: Path) -> None:
    gate = Gate()
    job = started(jobs, gate)
    assert gate.begun.wait(PATIENCE_S)
    jobs.forget(job)
    gate.go.set()
    assert job.answered.wait(PATIENCE_S)
    with jobs._change:
        assert jobs._change.wait_for(lambda: job.id not in jobs._jobs, PATIENCE_S)
    assert files(temporary) == []


def test_what_is_kept_goes_by_itself(temporary: Path) -> None:
    jobs, gate = Jobs(3, keep_s=0.05), Gate()
    try:
        gate.go.set()
        job = started(jobs, gate)
        assert job.answered.wait(PATIENCE_S)
        with jobs._change:
            assert jobs._change.wait_for(lambda: job.id not in jobs._jobs, PATIENCE_S)
        assert files(temporary) == []
    finally:
        jobs.close()


def test_so_many_are_kept_and_no_more(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    gate = Gate()
    gate.go.set()
    done = []
    for _ in range(4):
        done.append(started(jobs, gate))
        assert done[-1].answered.wait(PATIENCE_S)
    with jobs._change:
        assert jobs._change.wait_for(lambda: len(jobs._jobs) == 2, PATIENCE_S)
    assert [jobs.get(job.id) is not None for job in done] == [False, False, True, True]


def test_closing_ends_all(temporary: Path) -> None:
    jobs, gate = Jobs(3, keep_s=3600), Gate(frames=10**9)
    running, waiting = started(jobs, gate), started(jobs, Gate())
    gate.go.set()
    jobs.close()
    assert running.answered.is_set()
    assert waiting.answered.is_set()
    assert list(temporary.iterdir()) == []
    with pytest.raises(Full):
        jobs.open()


def test_what_a_killed_service_left_is_removed_and_a_running_ones_is_not(jobs: Jobs, temporary: Path) -> None:
    code = "import os; from posemill.serving.jobs import Jobs; print(Jobs(2, 9).open().folder, flush=True); os._exit(1)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"TMPDIR": str(temporary), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    left = Path(said.stdout.strip())
    assert left.is_dir()
    mine = jobs.open()
    Jobs(3, 9).close()
    assert not left.parent.exists()
    assert mine.folder.is_dir()
