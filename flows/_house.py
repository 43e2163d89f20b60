"""Prefect tasks and flows with the project's defaults: retries, time limits, names and logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import prefect
from prefect import Flow, Task
from prefect.settings import get_current_settings
from prefect.tasks import exponential_backoff

from flows._dvc import StageRun, one_at_a_time
from flows._dvc import run_stage as _run_stage
from flows._trace import traced_flow
from posemill.errors import GateError, PosemillError
from posemill.settings import Settings
from posemill.stages.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")
HOUR_S = 3600.0
TIME_LIMITS_S = {"label": 48 * HOUR_S, "train": 24 * HOUR_S}  # the others take minutes on any machine
OTHERS_S = 4 * HOUR_S
WAIT_S = 600.0  # for another run in the same workspace
HEARTBEAT_S = 60  # between two reports of a run; who is silent for three of them was killed, see _automations.py


def report_often() -> None:
    """Let this process's flow runs send heartbeats once a minute or more often, else a living one counts as killed.

    For a process that imported Prefect, which reads its settings then, before this package could set the variable.
    """
    flows = get_current_settings().flows
    if flows.heartbeat_frequency is None or flows.heartbeat_frequency > HEARTBEAT_S:
        flows.heartbeat_frequency = HEARTBEAT_S


report_often()


def is_retryable(_task: Any, _run: Any, state: Any) -> bool:
    """Retry condition: True if the error itself says that trying again may help; a fault in the program never does."""
    try:
        state.result()
    except PosemillError as exc:
        return exc.retryable
    except Exception:
        return False
    return False


TASK: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=15),
    "retry_jitter_factor": 0.3,
    "retry_condition_fn": is_retryable,
    "timeout_seconds": OTHERS_S,
    "log_prints": True,
}
# a flow that tried again as a whole would only repeat what its tasks gave up
FLOW: dict[str, Any] = {"retries": 0, "log_prints": True, "validate_parameters": True}


def task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """`@task` with the project's defaults; what is given wins."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        made: Task[P, R] = prefect.task(function, **{**TASK, **options})
        return made

    return decorate


def flow(**options: Any) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """`@flow` with the project's defaults; what is given wins."""

    def decorate(function: Callable[P, R]) -> Flow[P, R]:
        made: Flow[P, R] = prefect.flow(traced_flow(function), **{**FLOW, **options})
        return made

    return decorate


def root() -> Path:
    """The workspace of this process."""
    return Settings.from_env().workspace


def run_stage(stage: str) -> StageRun:
    """One stage of dvc.yaml in this process's workspace; its output goes to the run's log."""
    return _run_stage(stage, root(), log=print)


def whole_workspace(who: str, wait_s: float) -> AbstractContextManager[int]:
    """Context: this run has the workspace to itself; waits for another run, then fails with a sentence."""
    return one_at_a_time(root(), who, wait_s, log=print)


def stage_task(stage: str) -> Task[[str], StageRun]:
    """The Prefect task of one stage."""
    limit_s = TIME_LIMITS_S.get(stage, OTHERS_S)
    return task(name=stage, task_run_name=stage, timeout_seconds=limit_s)(run_stage)


def run_acceptance() -> StageRun:
    """Serve the bento and send it held-out clips, as a client would; GateError when too few answers are right."""
    from posemill import params
    from posemill.operations import accept

    workspace = Workspace(root())
    folder = workspace.output("accept")
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    result = accept.run(params.load(workspace.params).package, workspace, folder)
    result.write(folder)
    if not result.passed:
        raise GateError(result.says)
    return StageRun("accept", "ran", time.monotonic() - started, result.summary())
