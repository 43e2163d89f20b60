"""Runs stages of dvc.yaml one after the other as Prefect tasks, and publishes what came of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from prefect.artifacts import create_markdown_artifact

from flows._dvc import StageRun
from flows._house import root, stage_task, whole_workspace
from flows._report import markdown
from posemill.errors import PosemillError
from posemill.stages.workspace import Workspace


def run_tasks(name: str, tasks: Sequence[tuple[str, Callable[[], StageRun]]], wait_s: float) -> list[StageRun]:
    """Run the tasks in order, alone in the workspace; the first failure ends the run after it is published.

    Errors: what the failing task raised, which names the stage and the reason.
    """
    runs: list[StageRun] = []
    with whole_workspace(name, wait_s):
        try:
            for stage, call in tasks:
                runs.append(_timed(stage, call, runs))
        finally:
            create_markdown_artifact(
                markdown(runs, Workspace(root())), key=name, description=f"{name}: what every stage did"
            )
    return runs


def stage_tasks(stages: Sequence[str]) -> list[tuple[str, Callable[[], StageRun]]]:
    """One Prefect task a stage of dvc.yaml."""
    return [(stage, partial(stage_task(stage), stage)) for stage in stages]


def _timed(stage: str, call: Callable[[], StageRun], runs: list[StageRun]) -> StageRun:
    started = time.monotonic()
    try:
        return call()
    except PosemillError as exc:
        runs.append(StageRun(stage, "failed", time.monotonic() - started, reason=str(exc)))
        raise
