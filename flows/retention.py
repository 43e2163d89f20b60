"""Retention by policy: what is older than params.yaml says is removed, with a record.

python -m flows.retention
"""

from __future__ import annotations

import time

from flows._dvc import StageRun
from flows._house import flow, root, task
from posemill import params
from posemill.erasure import retention as operation
from posemill.erasure.erase import require_nothing_left
from posemill.handover.keys import own_key
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.store.postgres import opened_engine


@task(name="remove-expired", timeout_seconds=4 * 3600)
def remove_expired(dry_run: bool) -> operation.RetentionResult:
    """Remove what is past its days; writes build/retention/result.json."""
    settings, workspace = Settings.from_env(), Workspace(root())
    with opened_engine(settings) as engine:
        section = params.load(workspace.params).retention
        done = operation.run(section, settings, engine, lambda: own_key(settings.home), dry_run=dry_run)
    folder = workspace.output("retention")
    folder.mkdir(parents=True, exist_ok=True)
    done.write(folder)
    return done


@flow(name="retention")
def retention(dry_run: bool = False) -> list[StageRun]:
    """Remove media, tracks, uploads and answers that are past their days.

    dry_run  count only.
    Errors: PosemillError, naming what is left, where an erasure could not remove everything.
    """
    started = time.monotonic()
    done = remove_expired(dry_run)
    require_nothing_left(done.left)
    return [StageRun("retention", "ran", time.monotonic() - started, done.summary())]


if __name__ == "__main__":
    from functools import partial

    from flows._main import main
    from flows._report import stage_rows

    main(retention, partial(stage_rows, stages=("retention",)))
