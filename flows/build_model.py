"""From the database to an accepted bento: the graph of dvc.yaml, then acceptance as a client sees it.

    python -m flows.build_model

Run again after a crash: DVC skips what is finished.
"""

from flows._dvc import StageRun
from flows._graph import run_tasks, stage_tasks
from flows._house import WAIT_S, flow, run_acceptance, task
from posemill.stages.workspace import GATE, STAGES

accept = task(name="accept", task_run_name="accept")(run_acceptance)


@flow(name="build-model")
def build_model(wait_s: float = WAIT_S) -> list[StageRun]:
    """Run the whole graph, its gate, and acceptance.

    wait_s  how long to wait for another run in this workspace.
    """
    return run_tasks("build-model", [*stage_tasks([*STAGES, GATE]), ("accept", accept)], wait_s)


if __name__ == "__main__":
    from flows._main import main
    from posemill.stages.figures import short_table

    main(build_model, short_table)
