"""Labels what is new in the database, so that a build finds its poses done.

python -m flows.label_backlog
"""

from flows._dvc import StageRun
from flows._graph import run_tasks, stage_tasks
from flows._house import WAIT_S, flow

STAGES = ("snapshot", "ingest", "label")


@flow(name="label-backlog")
def label_backlog(wait_s: float = WAIT_S) -> list[StageRun]:
    """From the database to tracks. `wait_s`: how long to wait for another run in this workspace."""
    return run_tasks("label-backlog", stage_tasks(STAGES), wait_s)


if __name__ == "__main__":
    from functools import partial

    from flows._main import main
    from flows._report import stage_rows

    main(label_backlog, partial(stage_rows, stages=STAGES))
