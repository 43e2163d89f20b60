"""A flow as a span, which the stages that it runs as subprocesses continue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, MutableMapping
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect.context import FlowRunContext

from posemill.telemetry import logs, trace

P = ParamSpec("P")
R = TypeVar("R")


def traced_flow(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function of a flow within a span `flow NAME`, where traces are exported; its logs may be JSON."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        logs.use_json()
        trace.start("posemill-flow")
        name = function.__name__.replace("_", "-")
        with trace.root(f"flow {name}", trace.from_environment(), **_flow_run()):
            return function(*args, **kwargs)

    # Prefect reads the types of parameters from the signature, and would look their names up in this module
    run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return run


def give_on(env: MutableMapping[str, str]) -> None:
    """Put the current trace and the id of the flow run into the environment of a stage."""
    trace.to_environment(env, **_flow_run())


def _flow_run() -> dict[str, str]:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return {}
    return {trace.FLOW_RUN: str(context.flow_run.id)}
