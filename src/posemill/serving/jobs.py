"""Job queue for videos: bounded, one at a time, with progress and cancelling; all files are deleted afterwards."""

from __future__ import annotations

import fcntl
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from posemill.errors import PosemillError, Unavailable

PREFIX = "posemill-upload-"
ANSWER, OVERLAY, SHEET = "answer.json", "overlay.mp4", "sheet.jpg"  # in the folder of a job that is done
MOST_KEPT = 64  # finished jobs; the oldest goes when there are more
POSING = 0.9  # share of the work; the rest is drawing

_log = logging.getLogger("posemill.serving")


class State(StrEnum):
    """State of a job. The first two are under way, the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Full(Unavailable):
    """The queue is full: no more jobs are taken now."""


class Cancelled(Exception):
    """Raised within the work of a job that was cancelled."""


@dataclass(slots=True, eq=False)
class Job:
    """Job of one video. The work reports its progress here, and is ended there when the job was cancelled.

    folder    its own, for the upload and what is made of it.
    frames    to be posed; known once the upload was probed.
    kept      False: its client waits for the answer, and nothing is drawn.
    answered  set when the answer is there, or never will be.
    """

    id: str
    folder: Path
    frames: int = 0
    frames_done: int = 0
    drawn: float = 0.0
    state: State = State.QUEUED
    error: str | None = None
    kept: bool = True
    ended_at: float | None = None
    failure: PosemillError | None = None
    answered: threading.Event = field(default_factory=threading.Event)
    unwanted: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> float:
        """Progress 0..1 over pose estimation and drawing."""
        if self.state is State.DONE:
            return 1.0
        return POSING * min(1.0, self.frames_done / max(1, self.frames)) + (1 - POSING) * min(1.0, self.drawn)

    def posed(self, frames: int) -> None:
        """Count frames whose poses are estimated. Errors: Cancelled."""
        self.frames_done += frames
        self.require_wanted()

    def drew(self, share: float) -> None:
        """Set the share of pictures that is drawn, 0..1. Errors: Cancelled."""
        self.drawn = share
        self.require_wanted()

    def require_wanted(self) -> None:
        """Raise Cancelled where the job was cancelled."""
        if self.unwanted.is_set():
            raise Cancelled


Work = Callable[[Job], None]


class Jobs:
    """Job queue of one service. One thread works on the jobs, another removes expired ones.

    most    jobs at once, from the beginning of the upload to the end of the work; one more is Full.
    keep_s  how long a job that ended can be asked for.
    """

    def __init__(self, most: int, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._keep_s, self._clock = most, keep_s, clock
        self._change = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[tuple[Job, Work]] = deque()
        self._closing = False
        self._root, self._lock = _own_folder()
        self._threads = [
            threading.Thread(target=run, name=f"posemill-jobs-{n}", daemon=True)
            for n, run in enumerate((self._work, self._tidy))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def under_way(self) -> int:
        """Number of jobs whose upload is coming, that wait, or are worked on."""
        return sum(job.ended_at is None for job in list(self._jobs.values()))

    def open(self) -> Job:
        """Reserve a job, with a folder for the upload. `start` or `forget` it. Errors: Full."""
        with self._change:
            if self.under_way >= self._most or self._closing:
                raise Full(f"{self.under_way} videos are already being worked on or wait: try again later")
            job = Job(secrets.token_hex(16), Path(tempfile.mkdtemp(dir=self._root)))
            self._jobs[job.id] = job
        return job

    def start(self, job: Job, work: Work) -> None:
        """Queue the job. `work` ends with an error, or has left what it made in the job's folder."""
        context = copy_context()  # whoever reads it, such as the log of predictions, finds who sent the video
        with self._change:
            self._queue.append((job, lambda job: context.run(work, job)))
            self._change.notify_all()

    def get(self, number: str) -> Job | None:
        """Return the job, unless there never was one or it is gone."""
        with self._change:
            return self._jobs.get(number)

    def cancel(self, job: Job) -> None:
        """End it where it is. A job that ended already is forgotten with all its files."""
        with self._change:
            if job.ended_at is not None:
                self._remove(job)
                return
            job.unwanted.set()
            if job.state is State.QUEUED:
                self._queue = deque(entry for entry in self._queue if entry[0] is not job)
                self._end(job, State.CANCELLED)

    def forget(self, job: Job) -> None:
        """Remove the job and all its files now, or as soon as the work on it has ended."""
        with self._change:
            if job.state is State.RUNNING:
                job.unwanted.set()
                job.kept = False
                return
            self._queue = deque(entry for entry in self._queue if entry[0] is not job)
            self._remove(job)

    def close(self) -> None:
        """End all jobs and remove all files."""
        with self._change:
            self._closing = True
            self._queue.clear()
            for job in self._jobs.values():
                job.unwanted.set()
                job.answered.set()
            self._change.notify_all()
        for thread in self._threads:
            thread.join(10)
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock.close()

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closing or self._queue)
                if self._closing:
                    return
                job, work = self._queue.popleft()
                job.state = State.RUNNING
            state = self._run(job, work)
            with self._change:
                self._end(job, state)
                if not job.kept and job.unwanted.is_set():
                    self._remove(job)

    def _run(self, job: Job, work: Work) -> State:
        try:
            work(job)
        except Cancelled:
            return State.CANCELLED
        except PosemillError as exc:
            job.error, job.failure = str(exc), exc
        except Exception:  # one job must not end the others
            _log.exception("job %s failed", job.id)
            job.error = "the service failed at this video, which is a fault of the service; its log says more"
            job.failure = PosemillError(job.error)
        return State.FAILED if job.error else State.DONE

    def _end(self, job: Job, state: State) -> None:
        job.state, job.ended_at = state, self._clock()
        if state is not State.DONE:
            shutil.rmtree(job.folder, ignore_errors=True)
        job.answered.set()
        self._change.notify_all()

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)
        self._change.notify_all()

    def _tidy(self) -> None:
        with self._change:
            while not self._closing:
                ended = sorted((job.ended_at, job.id) for job in self._jobs.values() if job.ended_at is not None)
                now = self._clock()
                gone = [number for at, number in ended if at + self._keep_s <= now] or [
                    number for _, number in ended[:-MOST_KEPT]
                ]
                for number in gone:
                    self._remove(self._jobs[number])
                if not gone:
                    self._change.wait(max(0.01, ended[0][0] + self._keep_s - now) if ended else None)


def _own_folder() -> tuple[Path, BinaryIO]:
    """Make a folder that only this user reads, held by a lock; folders of killed services are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (left / "lock").open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
    lock = (made / "lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    root = made.with_name(made.name.removeprefix("new-"))  # only now another service may look at it
    made.rename(root)
    return root, lock
