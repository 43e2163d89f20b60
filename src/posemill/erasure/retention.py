"""Retention: what is older than the section `retention` of params.yaml says is removed, and that is recorded.

Videos lose their bytes and keep poses and labels; a medium past `tracks` is erased with everything that came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, func, select, update

from posemill.params.retention import RetentionParams
from posemill.settings import Settings
from posemill.stages.result import StageResult
from posemill.store import audit, schema
from posemill.store.leftovers import find_leftovers, remove_leftovers
from posemill.store.media import MediaStore
from posemill.store.predictions import forget_predictions

if TYPE_CHECKING:
    from posemill.handover.keys import SigningKey

M, F = schema.medium.c, schema.feedback.c
BY = "retention"
LISTED = 1000  # numbers of media in an entry of the audit trail


class RetentionResult(StageResult):
    """Counts of videos that lost their bytes, erased media, removed uploads and answers; or of what would be.

    leftovers_removed  temporary files in the store that killed writes had left.
    media, erased  numbers of the media. left: places that still hold something of erased media, see `posemill erase`.
    """

    stage: str = "retention"
    dry_run: bool
    videos_removed: int
    media_erased: int
    uploads_removed: int
    predictions_removed: int
    leftovers_removed: int = 0
    media: list[int]
    erased: list[int]
    left: list[str]


@dataclass(frozen=True)
class _Due:
    """Data past its days: media that are erased, media that lose their bytes, uploads in the store, answers."""

    erased: dict[int, str]
    bytes: dict[int, str]
    uploads: list[str]
    answers_before: datetime | None
    answers: int


def run(
    params: RetentionParams,
    settings: Settings,
    engine: Engine,
    key: Callable[[], SigningKey],
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> RetentionResult:
    """Remove what is past its days, or with `dry_run` say what would be.

    key  returns the key that signs the records of erased media; called only if there are any.
    now  moment from which the days are counted back.
    Errors: Unavailable where a place does not answer, or a stage is at work. Killed, the next run goes on.
    """
    from posemill.serving.upload_retention import remove_expired

    with engine.connect() as connection:
        due = _due(connection, params, now or datetime.now(UTC), MediaStore(settings.store_url))
    waited = remove_expired(settings.home, dry_run)
    leftovers = len(find_leftovers(settings.store_url, now)) if dry_run else remove_leftovers(settings.store_url, now)
    left: list[str] = []
    if not dry_run:
        left = _erase(settings, engine, due.erased, key) if due.erased else []
        _remove_bytes(settings, engine, due.bytes)
        _remove_uploads(settings, engine, due.uploads, waited)
        if due.answers and due.answers_before:
            with engine.begin() as connection:
                count = forget_predictions(connection, due.answers_before)
                audit.record(connection, BY, "prediction_log", rows=count, details={"days": params.prediction_log})
    return RetentionResult(
        dry_run=dry_run,
        videos_removed=len(due.bytes),
        media_erased=len(due.erased),
        uploads_removed=len(due.uploads) + waited,
        predictions_removed=due.answers,
        leftovers_removed=leftovers,
        media=sorted(due.bytes),
        erased=sorted(due.erased),
        left=left,
    )


def _due(connection: Connection, params: RetentionParams, now: datetime, store: MediaStore) -> _Due:
    erased: dict[int, str] = {}
    without_bytes: dict[int, str] = {}
    columns = (M.id, M.digest, M.dataset, M.kind, M.added_at)
    rows = connection.execute(select(*columns).where(M.duplicate_of.is_(None), M.digest.is_not(None)).order_by(M.id))
    for row in rows.mappings():
        limits = params.of(row["dataset"])
        if limits.tracks is not None and row["added_at"] < now - timedelta(days=limits.tracks):
            erased[row["id"]] = row["digest"]
        elif (
            limits.media is not None
            and row["kind"] == "video"
            and row["added_at"] < now - timedelta(days=limits.media)
            and store.has(row["digest"])
        ):
            without_bytes[row["id"]] = row["digest"]
    uploads = _uploads(connection, params, now, store)
    before = None if params.prediction_log is None else now - timedelta(days=params.prediction_log)
    log = schema.prediction_log
    answers = 0 if before is None else connection.scalar(_count(log).where(log.c.added_at < before)) or 0
    return _Due(erased, without_bytes, uploads, before, answers)


def _uploads(connection: Connection, params: RetentionParams, now: datetime, store: MediaStore) -> list[str]:
    """Uploads with feedback that are in the store, are no medium, and whose newest feedback is old enough."""
    if params.uploads is None:
        return []
    newest = (
        select(F.upload_digest)
        .where(F.upload_digest.is_not(None), F.upload_digest.not_in(select(M.digest).where(M.digest.is_not(None))))
        .group_by(F.upload_digest)
        .having(func.max(F.added_at) < now - timedelta(days=params.uploads))
    )
    return sorted(str(digest) for digest in connection.scalars(newest) if store.has(str(digest)))


def _erase(settings: Settings, engine: Engine, media: Mapping[int, str], key: Callable[[], SigningKey]) -> list[str]:
    from posemill.erasure.erase import Erasure, erase, resume
    from posemill.erasure.plan import make_plan

    work = Erasure(settings, engine, key(), BY)
    outcomes = resume(work)
    gone = {digest for outcome in outcomes for digest in outcome.targets.media}
    if rest := [digest for digest in media.values() if digest not in gone]:
        outcomes.append(erase(work, make_plan(settings, engine, None, rest)))
    return [f"{finding.place}: {finding.where}" for outcome in outcomes for finding in outcome.search.left]


def _remove_bytes(settings: Settings, engine: Engine, media: Mapping[int, str]) -> None:
    if not media:
        return
    numbers = sorted(media)
    with engine.begin() as connection:  # first: ingest then does not look for them
        now = func.coalesce(M.bytes_removed_at, func.now())
        connection.execute(update(schema.medium).where(M.id.in_(numbers)).values(bytes_removed_at=now))
        audit.record(connection, BY, "media", rows=len(numbers), details={"media": numbers[:LISTED]})
    store = MediaStore(settings.store_url)
    for digest in media.values():
        store.discard(digest, "older than params.yaml's retention.media")


def _remove_uploads(settings: Settings, engine: Engine, uploads: list[str], waited: int) -> None:
    store = MediaStore(settings.store_url)
    for digest in uploads:
        store.discard(digest, "older than params.yaml's retention.uploads")
    if uploads or waited:
        with engine.begin() as connection:
            audit.record(connection, BY, "uploads", rows=len(uploads) + waited)


def _count(table: Any) -> Select[tuple[int]]:
    return select(func.count()).select_from(table)
