"""Model versions, their acceptance and the prediction log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.dialects.postgresql import insert

from posemill.errors import InputError
from posemill.store import schema


def record_model_version(
    connection: Connection,
    *,
    bento_tag: str,
    digests: Mapping[str, str],
    metrics: Mapping[str, Any],
    added_by: str,
    classes: Sequence[str] = (),
    origin: str | None = None,
) -> int:
    """Record a packaged model; return its number. The same bento tag again changes nothing.

    digests: file name to SHA-256. metrics: what evaluate wrote. origin: where it came from, e.g. a commit.
    """
    row = {
        "bento_tag": bento_tag,
        "digests": dict(digests),
        "metrics": dict(metrics),
        "classes": list(classes),
        "origin": origin,
        "added_by": added_by,
    }
    connection.execute(insert(schema.model_version).values(row).on_conflict_do_nothing())
    return _version_id(connection, bento_tag)


def record_acceptance(
    connection: Connection,
    *,
    bento_tag: str,
    passed: bool,
    client: str,
    report: Mapping[str, Any],
    added_by: str,
    reason: str | None = None,
) -> int:
    """Record a client's acceptance; the version's stage becomes accepted or rejected. Every trial keeps its row."""
    version = _version_id(connection, bento_tag)
    row = {
        "model_version_id": version,
        "passed": passed,
        "client": client,
        "report": dict(report),
        "reason": reason,
        "added_by": added_by,
    }
    number = connection.scalar(insert(schema.acceptance).values(row).returning(schema.acceptance.c.id))
    table = schema.model_version
    stage = "accepted" if passed else "rejected"
    connection.execute(table.update().where(table.c.id == version).values(stage=stage))
    return int(number or 0)


def log_prediction(connection: Connection, *, bento_tag: str, **row: Any) -> None:
    """Log one prediction of a service (keys: columns of prediction_log)."""
    connection.execute(insert(schema.prediction_log).values({"bento_tag": bento_tag, **row}))


def model_versions(connection: Connection) -> list[RowMapping]:
    """Return all model versions, newest first."""
    return list(connection.execute(select(schema.model_version).order_by(schema.model_version.c.id.desc())).mappings())


def latest_model_version(connection: Connection, stage: str | None = None) -> RowMapping | None:
    """Return the newest version (of that stage), or None."""
    query = select(schema.model_version).order_by(schema.model_version.c.id.desc()).limit(1)
    if stage is not None:
        query = query.where(schema.model_version.c.stage == stage)
    return connection.execute(query).mappings().first()


def latest_acceptance(connection: Connection, bento_tag: str | None = None) -> RowMapping | None:
    """Return the newest acceptance (of that version) with its bento_tag, or None."""
    a, v = schema.acceptance, schema.model_version
    query = select(a, v.c.bento_tag).join_from(a, v).order_by(a.c.id.desc()).limit(1)
    if bento_tag is not None:
        query = query.where(v.c.bento_tag == bento_tag)
    return connection.execute(query).mappings().first()


def require_kept(version: RowMapping) -> None:
    """Raise InputError for a version that was withdrawn by an erasure."""
    if version["withdrawn_at"] is not None:
        raise InputError(
            f"{version['bento_tag']} was trained with data that was erased on {version['withdrawn_at']:%Y-%m-%d} and "
            "is never released again: build a new model (`dvc repro`), then promote that"
        )


def _version_id(connection: Connection, bento_tag: str) -> int:
    table = schema.model_version
    number = connection.scalar(select(table.c.id).where(table.c.bento_tag == bento_tag))
    if number is None:
        raise InputError(f"no model version has bento tag {bento_tag!r}: record it first")
    return int(number)
