"""Failure record of a stage, for the caller of DVC.

`dvc repro` returns 255 whatever the stage returned, so neither the reason nor whether trying again may help gets
through it. The stage leaves both in `build/failures/<stage>.json`: at its start that it was killed, since it cannot say
so afterwards; at its end the truth, or nothing when it succeeded.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from posemill.errors import PosemillError
from posemill.stages.workspace import Workspace
from posemill.stages.workspace_lock import workspace_lock
from posemill.store.refusals import outage

KILLED = "it was killed before it could say why (often: out of memory, or somebody stopped it); run again"


class Failure(BaseModel):
    """One failed stage. `reason` is one sentence; `retryable` means the same call may succeed later."""

    model_config = ConfigDict(frozen=True)

    stage: str
    reason: str
    retryable: bool = False


def failure_file(workspace: Workspace, stage: str) -> Path:
    """Return the path of a stage's failure record."""
    return workspace.root / "build" / "failures" / f"{stage}.json"


def last_failure(workspace: Workspace, stage: str) -> Failure | None:
    """The failure that the last attempt at a stage left; None when it succeeded or was never tried."""
    try:
        return Failure.model_validate_json(failure_file(workspace, stage).read_text())
    except (FileNotFoundError, ValidationError):
        return None


@contextmanager
def attempt(workspace: Workspace, stage: str) -> Iterator[None]:
    """Around a stage: one at a time in a workspace, and whatever it raises is left for the caller of `dvc`.

    Errors: Unavailable when another stage is running here; a full disk becomes one sentence; others go on unchanged.
    """
    path = failure_file(workspace, stage)
    _leave(path, Failure(stage=stage, reason=KILLED))
    try:
        with workspace_lock(workspace.root / "build" / "stage.lock", f"stage {stage}"):
            yield
        path.unlink(missing_ok=True)
    except Exception as exc:
        error = _told(exc, stage)
        _leave(path, Failure(stage=stage, reason=str(error), retryable=error.retryable))
        if _disk_full(exc):
            raise error from exc
        raise


def _disk_full(exc: Exception) -> bool:
    if isinstance(exc, OSError):
        return exc.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"(os error {errno.ENOSPC})" in str(exc)  # of polars, whose errors carry no number


def _told(exc: Exception, stage: str) -> PosemillError:
    """The error as a sentence; one that is not ours is a fault in the program, so its type is named."""
    if isinstance(exc, PosemillError):
        return exc
    if (away := outage(exc)) is not None:
        return away
    if _disk_full(exc):
        return PosemillError(
            f"no space left on the disk ({exc}): free some (`dvc gc --workspace` removes old versions) and run "
            f"again; it goes on at {stage}"
        )
    return PosemillError(f"{type(exc).__name__}: {exc}")


def _leave(path: Path, failure: Failure) -> None:
    """Write the failure; a disk that is full must not hide it behind a second error."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(failure.model_dump_json() + "\n")
