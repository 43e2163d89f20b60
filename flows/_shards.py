"""The labelling backlog in shards: Prefect task runs in threads, processes, on Dask or on Ray."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any, Literal

from prefect import unmapped
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows._dvc import StageRun
from flows._house import HOUR_S, flow, root, task
from posemill import params
from posemill.errors import InputError
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages.label_shards import SHARD_S, shards, threads_each, work_shard
from posemill.stages.workspace import Workspace

Runner = Literal["none", "threads", "processes", "dask", "ray"]


@task(name="label-shard", timeout_seconds=4 * HOUR_S)
def label_shard(ids: list[int], section: LabelParams) -> dict[str, Any]:
    """Some chunks of the backlog, on whichever machine this is; it needs the same database and store."""
    return work_shard(ids, section)


@flow(name="label-shards")
def label_shards(section: LabelParams, shard_s: float = SHARD_S) -> list[dict[str, Any]]:
    """Every shard a task run."""
    todo = shards(section, Workspace(root()), Settings.from_env(), shard_s)
    done: list[dict[str, Any]] = label_shard.map(todo, unmapped(section)).result()
    return done


def run_shards(runner: Runner, workers: int, scheduler: str | None = None, shard_s: float = SHARD_S) -> StageRun:
    """Spread the backlog over `workers`, or over the cluster at the address `scheduler`."""
    started, section = time.monotonic(), params.load(Workspace(root()).params).label
    if runner != "threads" and scheduler is None:
        section = threads_each(section, workers)
    done = label_shards.with_options(task_runner=task_runner(runner, workers, scheduler))(section, shard_s)
    figures = {"runner": runner, "shards": len(done), "chunks": sum(shard["chunks"] for shard in done)}
    return StageRun("label-shards", "ran", time.monotonic() - started, figures)


def task_runner(runner: Runner, workers: int, scheduler: str | None = None) -> Any:
    """Prefect's task runner of that name. Errors: InputError, saying what to install, where its package is missing."""
    if runner == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if runner == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    if runner == "dask":
        local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
        where: dict[str, Any] = {"address": scheduler} if scheduler else {"cluster_kwargs": local}
        return _imported("prefect_dask", "prefect-dask").DaskTaskRunner(**where)
    where = {"address": scheduler} if scheduler else {"init_kwargs": {"num_cpus": workers}}
    return _imported("prefect_ray", "prefect-ray").RayTaskRunner(**where)


def _imported(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        raise InputError(
            f"this task runner needs package {package}, which is missing: `uv pip install {package}`"
        ) from exc
