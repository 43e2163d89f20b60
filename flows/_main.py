"""`python -m flows.NAME`: a flow at the terminal, with a sentence for an error and a table at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from flows._house import root
from flows._report import final_table
from posemill.errors import PosemillError
from posemill.stages.workspace import Workspace


def main(flow: Any, stages: Sequence[str]) -> None:
    """Run the flow; exit code 1 on an error, 75 when trying again may help, as `posemill` does."""
    print(f"{flow.name}: starting Prefect (the first start takes up to a minute)", flush=True)
    try:
        flow()
    except PosemillError as exc:
        print(f"posemill: {'retryable' if exc.retryable else 'error'}: {exc}", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL if exc.retryable else 1)
    print(final_table(Workspace(root()), stages))
