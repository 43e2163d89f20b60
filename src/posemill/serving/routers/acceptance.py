"""GET /acceptance and POST /verdicts: an approver accepts or rejects the model that answers here.

The report was submitted by `posemill uat submit`; a release waits for the verdict, see flows/release.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.exceptions import HTTPException

from posemill.errors import Unavailable
from posemill.serving.context import CALLER, CLIENT, RequestCaller, current_service
from posemill.serving.routers.feedback import DATABASE_URL, FeedbackRoute, engine
from posemill.serving.schemas.acceptance import (
    Acceptance,
    GivenVerdict,
    SubmittedReport,
    SubmittedScenario,
    Verdict,
    VerdictStored,
)
from posemill.serving.schemas.activity import Problem
from posemill.store.roles import may

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No report on this bento was submitted."},
    409: {"model": Problem, "description": "Another report was submitted since."},
}

router = APIRouter(tags=["acceptance"])
_signing = APIRouter(route_class=FeedbackRoute)  # a small JSON body; the other has none


@router.get("/acceptance", operation_id="acceptance")
async def acceptance() -> Acceptance:
    """The newest report that was submitted for a verdict on this bento, and the verdict."""
    tag, caller = current_service().provenance.bento, CALLER.get()
    if tag is None or not os.environ.get(DATABASE_URL):
        return Acceptance(bento=tag, report=None, verdict=None, may_sign=False)
    report, verdict = await run_sync(_read, tag)
    return Acceptance(
        bento=tag,
        report=None if report is None else _report(report["report_digest"], report["report"]),
        verdict=None if verdict is None else _given(verdict),
        may_sign=caller is not None and CLIENT.get() is not None and any(may(r, "approver") for r in caller.roles),
    )


@_signing.post("/verdicts", operation_id="verdicts", responses=_REFUSED)
async def verdicts(verdict: Verdict) -> VerdictStored:
    """Store the verdict of an approver on the newest report, signed with the key of this request.

    A report with failed scenarios is accepted under conditions only.
    """
    client, caller = CLIENT.get(), CALLER.get()
    if client is None or caller is None:
        raise HTTPException(403, "a verdict is signed with the key of an approver, and this request came without one")
    if (tag := current_service().provenance.bento) is None:
        raise HTTPException(404, "this service does not run from a bento: there is nothing to accept")
    return VerdictStored(verdict=await run_sync(_record, tag, verdict, client, caller))


router.include_router(_signing)


def _read(tag: str) -> tuple[RowMapping | None, RowMapping | None]:
    from posemill.store.acceptances import submitted_report, verdict_on

    with _transaction("the report cannot be read now") as connection:
        report = submitted_report(connection, tag)
        return report, None if report is None else verdict_on(connection, report["report_digest"])


def _record(tag: str, verdict: Verdict, client: str, caller: RequestCaller) -> int:
    from posemill.store.acceptances import record_verdict, require_acceptable, submitted_report
    from posemill.store.audit import acting

    with _transaction("the verdict cannot be kept now") as connection, acting(connection, f"client {client}"):
        report = submitted_report(connection, tag)
        if report is None:
            raise HTTPException(404, f"no report on {tag} was submitted: `posemill uat submit` does that")
        if report["report_digest"] != verdict.report:
            raise HTTPException(409, f"another report on {tag} was submitted since: read GET /acceptance again")
        require_acceptable(report["report"], reject=not verdict.accepted, conditions=verdict.conditions)
        return record_verdict(
            connection,
            version=report["model_version_id"],
            passed=verdict.accepted,
            by=client,
            bento_digest=report["bento_digest"],
            report_digest=report["report_digest"],
            report=report["report"],
            conditions=verdict.conditions or None,
            added_by=f"service, {caller.identity}",
        )


@contextmanager
def _transaction(failing: str) -> Iterator[Connection]:
    """Errors: Unavailable without a database, or while it does not answer."""
    from sqlalchemy.exc import SQLAlchemyError

    url = os.environ.get(DATABASE_URL)
    if not url:
        raise Unavailable(f"{failing}: the service has no database; start it with `posemill serve`")
    try:
        with engine(url).begin() as connection:
            yield connection
    except SQLAlchemyError as exc:
        raise Unavailable(f"{failing}: the database does not answer; try again later") from exc


def _report(digest: str, report: Mapping[str, Any]) -> SubmittedReport:
    scenarios = [
        SubmittedScenario(name=s["name"], passed=s["passed"], says=s["says"], note=s.get("note"))
        for s in report["scenarios"]
    ]
    return SubmittedReport(
        digest=digest,
        run=report["run"],
        at=report["at"],
        says=report["says"],
        passed=report["passed"],
        scenarios=scenarios,
    )


def _given(row: RowMapping) -> GivenVerdict:
    return GivenVerdict(
        verdict=row["id"], accepted=row["passed"], by=row["client"], at=row["added_at"], conditions=row["conditions"]
    )
