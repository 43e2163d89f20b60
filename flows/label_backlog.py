"""Labels what is new in the database, so that a build finds its poses done.

python -m flows.label_backlog
"""

from functools import partial

from flows._dvc import StageRun
from flows._graph import run_tasks, stage_tasks
from flows._house import WAIT_S, flow
from flows._shards import Runner, run_shards
from posemill.stages.label_shards import SHARD_S

STAGES = ("snapshot", "ingest", "label")


@flow(name="label-backlog")
def label_backlog(
    wait_s: float = WAIT_S,
    runner: Runner = "none",
    workers: int = 2,
    scheduler: str | None = None,
    shard_s: float = SHARD_S,
) -> list[StageRun]:
    """From the database to tracks. `wait_s`: how long to wait for another run in this workspace.

    runner     what spreads the work: threads, processes, dask or ray; none: the label stage does it alone.
    workers    at once, on this machine.
    scheduler  address of a running Dask or Ray cluster, instead.
    shard_s    seconds of work in a shard, about; longer ones cost less to start, shorter ones are spread more evenly.
    """
    *before, label = stage_tasks(STAGES)
    spread = [] if runner == "none" else [("label-shards", partial(run_shards, runner, workers, scheduler, shard_s))]
    return run_tasks("label-backlog", [*before, *spread, label], wait_s)


if __name__ == "__main__":
    from flows._main import main
    from flows._report import stage_rows

    main(label_backlog, partial(stage_rows, stages=STAGES))
