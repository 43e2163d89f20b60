"""The steps from a bento to its release, as the flow and the command line take them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.acceptances import rejection, release, verdict_of
from posemill.uat import report as reports
from posemill.uat.bentos import bento_digest, find_bento
from posemill.uat.run import folder, run
from posemill.uat.served import newest, service

__all__ = ["newest", "promote_bento", "rejection", "report_of", "run_scenarios", "verdict", "wake"]

RESUME_S = 120  # importing Prefect takes seconds, its first start a minute


def verdict(settings: Settings, bento: str) -> RowMapping | None:
    """The newest signed verdict on exactly the bytes that this tag has now; None where nobody gave one."""
    digest = bento_digest(find_bento(settings.home, bento))
    with _transaction(settings) as connection:
        return verdict_of(connection, digest)


def promote_bento(settings: Settings, bento: str) -> dict[str, Any]:
    """Release its model version, see store.acceptances.release; returns numbers of promotion and version, and why."""
    digest = bento_digest(find_bento(settings.home, bento))
    with _transaction(settings) as connection:
        row = release(connection, digest, added_by="flow release")
    version, before = row["model_version_id"], row["replaced_version"]
    return {
        "promotion": row["id"],
        "bento": bento,
        "version": version,
        "replaced_version": before,
        "reason": row["reason"],
    }


def report_of(settings: Settings, bento: str) -> Path | None:
    """The folder of the newest report under build/uat/ on this bento; None where there is none."""
    for file in sorted((settings.workspace / "build" / "uat").glob(f"*/{reports.REPORT}"), reverse=True):
        try:
            if reports.read(file).bento == bento:
                return file.parent
        except InputError:
            continue
    return None


def run_scenarios(settings: Settings, bento: str) -> Path:
    """Serve a bento and run the scenarios of acceptance/ against it; returns the folder of the report."""
    from posemill.uat.clips import Clips
    from posemill.uat.scenarios import find

    located = find([settings.workspace / "acceptance"])
    with service(settings, bento=bento) as client:
        done = run(client, located, Clips(settings), folder(settings.workspace), settings.workspace)
    print(f"{done.report.says}: {done.path.parent / reports.PAGE}")
    return done.path.parent


def wake(root: Path) -> str:
    """Resume release runs that are suspended on the Prefect server that PREFECT_API_URL names; what came of it."""
    if not (root / "flows" / "release.py").is_file() or not os.environ.get("PREFECT_API_URL"):
        return "a release that is suspended goes on when it is resumed: `python -m flows.release resume`"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flows.release", "resume"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=RESUME_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Prefect did not answer in {RESUME_S} s: `python -m flows.release resume` later"
    said = (done.stdout or done.stderr).strip().splitlines()
    return said[-1] if said and not done.returncode else "Prefect does not answer: `python -m flows.release resume`"


@contextmanager
def _transaction(settings: Settings) -> Iterator[Connection]:
    from posemill.store.postgres import open_engine

    engine = open_engine(settings)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
