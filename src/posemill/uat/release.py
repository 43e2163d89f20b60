"""Release steps of a bento: scenarios, verdict, promotion and resuming a suspended flow run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.acceptances import rejection, release, verdict_of
from posemill.store.postgres import transaction
from posemill.uat import report as reports
from posemill.uat.bentos import bento_digest, find_bento
from posemill.uat.run import run
from posemill.uat.served import newest_bento
from posemill.uat.settings import AcceptanceSettings
from posemill.uat.signing import submit

__all__ = [
    "newest_bento",
    "promote_bento",
    "rejection",
    "report_of",
    "resume",
    "run_scenarios",
    "submit_report",
    "verdict",
]

RESUME_TIMEOUT_S = 120  # importing Prefect takes seconds, its first start a minute


def verdict(settings: Settings, bento: str) -> RowMapping | None:
    """Newest signed verdict on the current bytes of this bento; None if there is none."""
    digest = bento_digest(find_bento(settings, bento))
    with transaction(settings) as connection:
        return verdict_of(connection, digest)


def promote_bento(settings: Settings, bento: str) -> dict[str, Any]:
    """Release the bento's model version, see store.acceptances.release.

    Returns numbers of the promotion, the version and the replaced version, and the reason.
    """
    digest = bento_digest(find_bento(settings, bento))
    with transaction(settings) as connection:
        row = release(connection, digest, added_by="flow release")
    version, before = row["model_version_id"], row["replaced_version"]
    return {
        "promotion": row["id"],
        "bento": bento,
        "version": version,
        "replaced_version": before,
        "reason": row["reason"],
    }


def submit_report(settings: Settings, folder: Path) -> None:
    """Submit a report, so that an approver can sign it on the page of the service too."""
    with transaction(settings) as connection:
        submit(connection, settings, folder, added_by="flow release")


def report_of(settings: Settings, bento: str) -> Path | None:
    """Folder of the newest report on this bento under build/uat/; None if there is none."""
    for file in sorted((settings.workspace / "build" / "uat").glob(f"*/{reports.REPORT}"), reverse=True):
        try:
            if reports.read(file).bento == bento:
                return file.parent
        except InputError:
            continue
    return None


def run_scenarios(settings: Settings, bento: str) -> Path:
    """Run the scenarios of acceptance/ against a bento; returns the folder of the report."""
    finished = run(AcceptanceSettings(settings, bento=bento))
    print(f"{finished.report.says}: {finished.path.parent / reports.PAGE}")
    return finished.path.parent


def resume(settings: Settings) -> str:
    """Resume suspended release runs on the Prefect server of PREFECT_API_URL; returns the outcome as a sentence."""
    root = settings.workspace
    if not (root / "flows" / "release.py").is_file() or not os.environ.get("PREFECT_API_URL"):
        return "a suspended release continues when it is resumed: `python -m flows.release resume`"
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "flows.release", "resume"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=RESUME_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Prefect did not answer within {RESUME_TIMEOUT_S} s: run `python -m flows.release resume` later"
    lines = (finished.stdout or finished.stderr).strip().splitlines()
    return (
        lines[-1] if lines and not finished.returncode else "Prefect does not answer: `python -m flows.release resume`"
    )
