"""Shards of the labelling backlog, to be spread over threads, processes or machines.

A shard is a list of jobs of the ledger. It may be done twice at once, or again: what is done is not done again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages.label import STAGE
from posemill.stages.label_table import read_ingested
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posemill.estimation.types import Pose, PoseBackend
    from posemill.labelling.labeller import Labeller
    from posemill.labelling.plan import MediumPlan
    from posemill.labelling.session import LabellingSession

SHARD_S = 30.0  # of work, unless the flow says otherwise; starting a task costs up to a quarter of a second
SLOW = 5.0  # frames a second, assumed before anything was measured

_loading = threading.Lock()


def shards(params: LabelParams, inputs: Workspace, settings: Settings, shard_s: float = SHARD_S) -> list[list[int]]:
    """Numbers of the jobs that are to be done for ingest's media.parquet, in lists of about `shard_s` of work or more.

    A medium that nobody has measured counts as one frame; it is measured, and cut, by whoever has it in hand.
    """
    from posemill.labelling.plan import reconcile
    from posemill.labelling.session import open_session

    wanted = {m.medium for m in read_ingested(inputs.output("ingest") / "media.parquet") if m.status == "labelled"}
    if not wanted:
        return []
    with open_session(params, settings, [STAGE]) as session:
        plans = reconcile(session.labeller, session.ledger, session.select(wanted))
        frames = _frames(session, plans, params.frame_stride)
        each = shard_s * (session.ledger.rate() or SLOW)
        return grouped([(number, frames[number]) for number in session.ledger.unfinished(wanted)], each)


def work_shard(ids: Sequence[int], params: LabelParams, settings: Settings | None = None) -> dict[str, Any]:
    """Do one shard; says how many of its chunks were left for it, and how long it took.

    Errors: Unavailable when store or database went away; the same shard then may be done again.
    """
    from posemill.labelling.progress import progress
    from posemill.labelling.worker import work
    from posemill.store.ledger import Ledger
    from posemill.store.postgres import opened_engine

    settings, started = settings or Settings.from_env(), time.monotonic()
    labeller = _labeller(params, settings)
    with opened_engine(settings) as engine, progress() as report:
        chunks = work(labeller, Ledger(engine, labeller.pose_fingerprint), ids, report)
    return {"chunks": chunks, "seconds": round(time.monotonic() - started, 1)}


def threads_each(params: LabelParams, workers: int) -> LabelParams:
    """The cores of this machine shared out over processes; keypoints do not depend on it."""
    return params.model_copy(update={"threads": max(1, (os.cpu_count() or 1) // workers)})


def grouped(jobs: Iterable[tuple[int, int]], frames: float) -> list[list[int]]:
    """Jobs (number, frames) in successive lists of at least `frames`, but the last one."""
    lists: list[list[int]] = []
    session = 0.0
    for number, size in jobs:
        if session <= 0:
            lists.append([])
            session = frames
        lists[-1].append(number)
        session -= size
    return lists


def _frames(session: LabellingSession, plans: Sequence[MediumPlan], stride: int) -> dict[int, int]:
    """Frames to look at of every job; of a medium of unknown length one, so that nothing is left out."""
    length = {plan.medium["digest"]: plan.medium["frames"] or 1 for plan in plans}
    with session.ledger.planning() as connection:
        jobs = session.ledger.jobs(connection, length)
    return {
        job.id: max(1, ((job.stretch[1] or length[medium]) - job.stretch[0]) // stride)
        for medium, rows in jobs.items()
        for job in rows
    }


def _labeller(params: LabelParams, settings: Settings) -> Labeller:
    with _loading:  # threads that ask at once get the same one
        return _loaded(params, settings)


@lru_cache(maxsize=1)
def _loaded(params: LabelParams, settings: Settings) -> Labeller:
    """A process that does many shards loads its network once."""
    from dataclasses import replace

    from posemill.estimation.estimator import PoseEstimator
    from posemill.estimation.roi_propagation import RoiPropagatingBackend
    from posemill.estimation.tta.rotating import RotatingBackend
    from posemill.labelling.labeller import open_labeller

    labeller = open_labeller(params, settings)
    backend = labeller.estimator.backend
    serialized: PoseBackend
    if isinstance(backend, RoiPropagatingBackend):  # a call of its is one picture, and as many run as it has threads
        turns = threading.BoundedSemaphore(params.threads)
        serialized = backend.through(lambda each: _SerializedBackend(each, turns))
    elif isinstance(backend, RotatingBackend):
        one = threading.BoundedSemaphore(1)
        serialized = backend.through(lambda each: _SerializedBackend(each, one))
    else:
        serialized = _SerializedBackend(backend, threading.BoundedSemaphore(1))
    return replace(labeller, estimator=PoseEstimator.from_backend(serialized, params))


class _SerializedBackend:
    """A backend for several threads, of which so many as there are turns use it; reading and storing overlap."""

    def __init__(self, backend: PoseBackend, turns: threading.BoundedSemaphore) -> None:
        self._backend, self._turns = backend, turns
        self.skeleton = backend.skeleton

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return self._backend.describe()

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        with self._turns:
            return self._backend.poses(images)
