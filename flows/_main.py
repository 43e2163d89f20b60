"""`python -m flows.NAME`: a flow at the terminal, with a sentence for an error and a table at the end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from flows._house import root
from posemill.errors import PosemillError
from posemill.stages.figures import columns
from posemill.stages.workspace import Workspace


def main(flow: Any, rows: Callable[[Workspace], list[tuple[str, str]]], *arguments: Any) -> None:
    """Run the flow with these arguments and print its table.

    Exit code 1 on an error, 75 when trying again may help, as `posemill` does.
    """
    print(f"{flow.name}: starting Prefect (the first start takes up to a minute)", flush=True)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_sentence_only)
    try:
        flow(*arguments)
    except PosemillError as exc:
        print(f"posemill: {'retryable' if exc.retryable else 'error'}: {exc}", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL if exc.retryable else 1)
    print("\n" + columns(rows(Workspace(root()))))


def _sentence_only(record: logging.LogRecord) -> bool:
    """A fault that was told in a sentence needs no traceback; a fault in the program keeps it."""
    if record.exc_info and isinstance(record.exc_info[1], PosemillError):
        record.exc_info = None
    return True
