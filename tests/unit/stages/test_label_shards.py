from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flows._shards import task_runner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.roi_propagation import RoiPropagatingBackend
from posemill.estimation.types import Pose
from posemill.labelling.labeller import Labeller
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.settings import Settings
from posemill.stages import label_shards
from posemill.stages.label_shards import grouped, threads_each
from posemill.store.media import MediaStore
from posemill.store.pose_store import PoseStore
from posemill.store.tracks import TrackStore


@given(st.lists(st.integers(1, 500), max_size=40), st.floats(1, 2000))
def test_every_job_is_in_one_shard_and_no_shard_but_the_last_is_small(sizes: list[int], frames: float) -> None:
    jobs = list(enumerate(sizes))
    lists = grouped(jobs, frames)
    assert [number for one in lists for number in one] == list(range(len(sizes)))
    assert all(sum(sizes[number] for number in one) >= frames for one in lists[:-1])
    assert all(sum(sizes[number] for number in one[:-1]) < frames for one in lists)


def test_processes_share_the_cores() -> None:
    assert threads_each(LabelParams(), 1).threads == (os.cpu_count() or 1)
    assert threads_each(LabelParams(), 10_000).threads == 1


class Crowded:
    """Counts how many use it at once; `company` of them wait for each other."""

    skeleton = COCO_17

    def __init__(self, company: int) -> None:
        self._barrier, self._counting = threading.Barrier(company), threading.Lock()
        self._inside = self.most = 0

    def describe(self) -> dict[str, Any]:
        return {"backend": "crowded"}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        with self._counting:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._barrier.wait(timeout=60)
        with self._counting:
            self._inside -= 1
        return [[] for _ in images]


@pytest.mark.parametrize("hinted", [True, False])
def test_looks_around_people_run_beside_each_other(
    hinted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are one picture a call; a backend without hints has many, and workers of its own for them."""
    params, crowded = LabelParams.model_validate({"roi_propagation": {}, "threads": 3}), Crowded(3 if hinted else 1)
    backend = RoiPropagatingBackend(lambda _: crowded, params) if hinted else crowded
    url = str(tmp_path)
    opened = Labeller(PoseEstimator.from_backend(backend, params), MediaStore(url), PoseStore(url), TrackStore(url))
    monkeypatch.setattr("posemill.labelling.labeller.open_labeller", lambda *_: opened)
    shared = label_shards._loaded.__wrapped__(params, Settings(tmp_path, tmp_path)).estimator.backend
    picture = np.zeros((48, 64, 3), np.uint8)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(shared.poses, [[picture]] * 12)) == [[[]]] * 12
    assert crowded.most == (3 if hinted else 1)


def test_a_task_runner_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(InputError, match="uv pip install prefect-ray"):
        task_runner("ray", 2)
