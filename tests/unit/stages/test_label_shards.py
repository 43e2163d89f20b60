from __future__ import annotations

import os

import pytest
from flows._shards import task_runner
from hypothesis import given
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.params.label import LabelParams
from posemill.stages.label_shards import grouped, threads_each


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


def test_a_task_runner_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(InputError, match="uv pip install prefect-ray"):
        task_runner("ray", 2)
