"""Review queue: intervals of tracks to look at, clips whose activity is asked, and the answer to each.

An item is known by its medium, person, start and end. Queued again it stays what it is; one that is not found any
more (other labels, corrected keypoints) is dismissed by the queue itself. What a person has dismissed stays dismissed:
it is right as it is. What was done, that is, corrected, is opened again should it still look wrong. Clips whose
activity is asked (`predicted` is there) are queued by store/proposals.py, and are no matter of `queue`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, exists, func, insert, null, select, text, update

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.media_rows import medium_id

Kind = Literal["pose", "activity"]
GONE = {"gone": True}  # the queue's own answer
_LOCK = 0x706F7376


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An interval of a track to look at; seconds of the medium, to the millisecond."""

    medium: str
    person: int
    start_s: float
    end_s: float
    reason: str
    priority: float


@dataclass(frozen=True, slots=True)
class Queued:
    """Result of queueing: new or reopened items, ones still open, ones dismissed by people, ones not found any more."""

    added: int
    known: int
    answered: int
    gone: int


def queue(
    connection: Connection,
    items: Sequence[ReviewItem],
    *,
    added_by: str,
    candidates: Collection[ReviewItem] | None = None,
    media: Collection[str] | None = None,
) -> Queued:
    """Make these the open items, beside open ones that are `candidates` again but are not among the worst this time.

    candidates  everything that looks wrong now; None: just the items.
    media  digests of what was looked at: items of other media stay as they are; None: everything was.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})  # two at once would add items twice
    known = {_row_key(row): row for row in connection.execute(_of_kind(_query(), "pose")).mappings()}
    still = {_item_key(item) for item in (items if candidates is None else candidates)}
    gone = [
        row["item"]
        for key, row in known.items()
        if row["state"] == "open" and key not in still and (media is None or row["medium"] in media)
        if not row["judged"]  # a person said so, whatever it looks like
    ]
    _set(connection, gone, state="dismissed", answer=GONE, answered_by=added_by, answered_at=func.now())
    counts = {"added": 0, "known": 0, "answered": 0}
    for item in items:
        counts[_queue_one(connection, item, known.get(_item_key(item)), added_by)] += 1
    return Queued(**counts, gone=len(gone))


def _queue_one(connection: Connection, item: ReviewItem, known: RowMapping | None, added_by: str) -> str:
    if known is None:
        row = {name: value for name, value in asdict(item).items() if name != "medium"}
        row |= {"medium_id": medium_id(connection, item.medium), "added_by": added_by}
        connection.execute(insert(schema.review_item).values(row))
        return "added"
    if known["state"] == "dismissed" and known["answer"] != GONE:
        return "answered"
    values: dict[str, Any] = {"priority": item.priority, "reason": item.reason}
    if known["state"] != "open":
        values |= {"state": "open", "answer": null(), "answered_by": None, "answered_at": None}
    _set(connection, [known["item"]], **values)
    return "known" if known["state"] == "open" else "added"


def review_items(
    connection: Connection,
    *,
    state: str | None = "open",
    limit: int | None = None,
    media: Sequence[str] = (),
    kind: Kind | None = None,
) -> list[RowMapping]:
    """Return items, the worst first.

    Columns: item, medium, source, judged, clip, person, start_s, end_s, reason, priority, state, answer, predicted,
    added_at, added_by, answered_at, answered_by; medium is null where a client disagreed about a file that is not here,
    judged is true where a client disagreed, predicted is null where the poses are asked about.

    state  `open`, `done`, `dismissed`; None: all.
    kind   `pose`: intervals of tracks; `activity`: clips whose activity is asked; None: both.
    """
    query, r, m = _query(), schema.review_item.c, schema.medium.c
    query = query.order_by(r.priority.desc(), m.digest, r.start_s, r.id)
    if state is not None:
        query = query.where(r.state == state)
    if media:
        query = query.where(m.digest.in_(media))
    if kind is not None:
        query = _of_kind(query, kind)
    return list(connection.execute(query.limit(limit)).mappings())


def review_item(connection: Connection, item: int) -> RowMapping:
    """Return one item. Errors: InputError when there is none of that number."""
    row = connection.execute(_query().where(schema.review_item.c.id == item)).mappings().first()
    if row is None:
        raise InputError(f"there is no review item {item}: see `posemill review list`")
    return row


def answer(connection: Connection, items: Sequence[int], state: str, *, annotated_by: str, reply: Any = None) -> int:
    """Close open items as `done` or `dismissed`, with who and when; returns how many were open."""
    values = {
        "state": state,
        "answer": null() if reply is None else reply,
        "answered_by": annotated_by,
        "answered_at": func.now(),
    }
    return _set(connection, items, only_open=True, **values)


def _set(connection: Connection, items: Sequence[int], only_open: bool = False, **values: Any) -> int:
    if not items:
        return 0
    query = update(schema.review_item).where(schema.review_item.c.id.in_(items))
    if only_open:
        query = query.where(schema.review_item.c.state == "open")
    return int(connection.execute(query.values(values)).rowcount)


def _query() -> Select[Any]:
    r, m, f = schema.review_item.c, schema.medium.c, schema.feedback.c
    upload = select(f.upload_name).where(f.review_item_id == r.id).order_by(f.id).limit(1).scalar_subquery()
    judged = exists().where(f.review_item_id == r.id).label("judged")
    return select(
        r.id.label("item"),
        m.digest.label("medium"),
        func.coalesce(m.source, upload).label("source"),
        judged,
        r.clip_id.label("clip"),
        r.predicted,
        r.person,
        r.start_s,
        r.end_s,
        r.reason,
        r.priority,
        r.state,
        r.answer,
        r.added_at,
        r.added_by,
        r.answered_at,
        r.answered_by,
    ).join_from(schema.review_item, schema.medium, r.medium_id == m.id, isouter=True)


def _of_kind(query: Select[Any], kind: Kind) -> Select[Any]:
    asked = schema.review_item.c.predicted
    return query.where(asked.is_(None) if kind == "pose" else asked.is_not(None))


def _row_key(row: RowMapping) -> tuple[Any, ...]:
    return row["medium"], row["person"], row["start_s"], row["end_s"]


def _item_key(item: ReviewItem) -> tuple[Any, ...]:
    return item.medium, item.person, item.start_s, item.end_s
