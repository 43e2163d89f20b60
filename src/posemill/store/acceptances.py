"""Acceptance: signed verdicts, and the release that one of them allows.

A verdict speaks of exactly the bytes that were looked at: the digest of a bento and of a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.dialects import postgresql

from posemill.errors import GateError, InputError
from posemill.store import schema
from posemill.store.versions import require_kept

LATER = ("released", "retired")  # stages that a verdict does not change: `posemill models` does


def record_verdict(
    connection: Connection,
    *,
    version: int,
    passed: bool,
    by: str,
    bento_digest: str,
    report_digest: str,
    report: Mapping[str, Any],
    conditions: str | None,
    added_by: str,
) -> int:
    """Record a signed verdict; return its number. A version that is not released becomes accepted or rejected."""
    row = {
        "model_version_id": version,
        "passed": passed,
        "client": by,
        "report": dict(report),
        "conditions": conditions,
        "bento_digest": bento_digest,
        "report_digest": report_digest,
        "signed": True,
        "added_by": added_by,
        "reason": None if passed else conditions or "rejected",
    }
    number = connection.scalar(insert(schema.acceptance).values(row).returning(schema.acceptance.c.id))
    v = schema.model_version
    change = update(v).where(v.c.id == version, v.c.stage.not_in(LATER))
    connection.execute(change.values(stage="accepted" if passed else "rejected"))
    return int(number or 0)


def submit_report(
    connection: Connection,
    *,
    version: int,
    bento_tag: str,
    bento_digest: str,
    report_digest: str,
    report: Mapping[str, Any],
    added_by: str,
) -> int:
    """Submit a report for a verdict on the page of the service; return its number. Submitted again, it stays one."""
    r = schema.acceptance_report
    row = {
        "model_version_id": version,
        "bento_tag": bento_tag,
        "bento_digest": bento_digest,
        "report_digest": report_digest,
        "report": dict(report),
        "added_by": added_by,
    }
    connection.execute(postgresql.insert(r).values(row).on_conflict_do_nothing(index_elements=["report_digest"]))
    return int(connection.execute(select(r.c.id).where(r.c.report_digest == report_digest)).scalar_one())


def submitted_report(connection: Connection, bento_tag: str) -> RowMapping | None:
    """Return the newest submitted report on a bento, a row of acceptance_report; None where none was submitted."""
    r = schema.acceptance_report
    query = select(r).where(r.c.bento_tag == bento_tag).order_by(r.c.id.desc()).limit(1)
    return connection.execute(query).mappings().first()


def require_acceptable(report: Mapping[str, Any], *, reject: bool, conditions: str | None) -> None:
    """Errors: InputError where a report with failed scenarios would be accepted without conditions."""
    if not (report["passed"] or reject or conditions):
        raise InputError(f"{report['says']}: accept it under conditions, or reject it")


def verdicts(connection: Connection, *, bento: str | None = None) -> list[RowMapping]:
    """Return signed verdicts, newest first: columns of acceptance, and `bento_tag` and `stage` of the model version.

    bento  only those whose report names this tag.
    """
    a, v = schema.acceptance, schema.model_version
    query = select(a, v.c.bento_tag, v.c.stage).join_from(a, v).where(a.c.signed).order_by(a.c.id.desc())
    if bento is not None:
        query = query.where(a.c.report["bento"].astext == bento)
    return list(connection.execute(query).mappings())


def verdict_on(connection: Connection, report_digest: str) -> RowMapping | None:
    """Return the newest signed verdict on a report, a row of acceptance; None where nobody gave one."""
    a = schema.acceptance
    query = select(a).where(a.c.signed, a.c.report_digest == report_digest).order_by(a.c.id.desc()).limit(1)
    return connection.execute(query).mappings().first()


def verdict_of(connection: Connection, bento_digest: str) -> RowMapping | None:
    """Return the newest signed verdict on exactly these bytes, see verdicts; None where nobody gave one."""
    return next((row for row in verdicts(connection) if row["bento_digest"] == bento_digest), None)


def release(connection: Connection, bento_digest: str, *, added_by: str) -> RowMapping:
    """Release the model version that was accepted with this bento; the one released before is retired.

    Returns the promotion row (of the release that was there already, where it was). Errors: GateError without a signed
    verdict on exactly these bytes, or with a rejection.
    """
    verdict = verdict_of(connection, bento_digest)
    if verdict is None:
        raise GateError(f"nothing is released: nobody signed a verdict on the bento with digest {bento_digest[:12]}")
    if not verdict["passed"]:
        raise GateError(rejection(verdict))
    v, p = schema.model_version, schema.promotion
    version = _locked(connection, verdict["model_version_id"])
    if version["stage"] == "released":
        last = select(p).where(p.c.model_version_id == version["id"]).order_by(p.c.id.desc()).limit(1)
        if (existing := connection.execute(last).mappings().first()) is not None:
            return existing
    require_kept(version)
    champion = connection.scalar(select(v.c.id).where(v.c.stage == "released", v.c.id != version["id"]))
    connection.execute(update(v).where(v.c.stage == "released", v.c.id != version["id"]).values(stage="retired"))
    connection.execute(update(v).where(v.c.id == version["id"]).values(stage="released"))
    row = {
        "model_version_id": version["id"],
        "action": "promoted",
        "replaced_version": champion,
        "reason": f"accepted by {verdict['client']}, verdict {verdict['id']}",
        "figures": {"acceptance": verdict["id"]},
        "digests": {**version["digests"], "bento": bento_digest, "report": verdict["report_digest"]},
        "added_by": added_by,
    }
    return connection.execute(insert(p).values(row).returning(p)).mappings().one()


def rejection(verdict: RowMapping) -> str:
    """A rejection as one sentence."""
    why = f": {verdict['conditions']}" if verdict["conditions"] else ""
    bento, day = verdict["report"]["bento"], f"{verdict['added_at']:%Y-%m-%d}"
    return f"{bento} is not released: {verdict['client']} rejected it on {day}{why}"


def _locked(connection: Connection, number: int) -> RowMapping:
    """Lock all versions, so that two releases at once wait for each other; return the one of that number."""
    v = schema.model_version
    rows = connection.execute(select(v).order_by(v.c.id).with_for_update()).mappings().all()
    version = next((row for row in rows if row["id"] == number), None)
    if version is None:
        raise InputError(f"there is no model version {number}")
    return version
