"""Proposed clips: unlabelled clips in the review queue whose activity a model wants to know.

An item is known by its clip. It is done when the clip gets its activity, by whichever way, and dismissed when a person
says that it shows none; neither is proposed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, null, or_, select, update

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.clips import correct_clip
from posemill.store.media_rows import medium_id
from posemill.store.reviews import GONE, answer


@dataclass(frozen=True, slots=True)
class Proposal:
    """An unlabelled clip to be labelled.

    person     main subject of the clip, by their number in the tracks.
    priority   orders the queue, the highest first.
    predicted  JSON: activity and confidence by the model, model, strategy, and what it was chosen by.
    """

    clip: int
    medium: str
    person: int
    start_s: float
    end_s: float
    reason: str
    priority: float
    predicted: dict[str, Any]


def propose(connection: Connection, proposals: Sequence[Proposal], added_by: str) -> None:
    """Queue clips. They are open until they are answered; ones that were withdrawn before are opened again."""
    r = schema.review_item
    known = {
        row["clip_id"]: row["id"]
        for row in connection.execute(
            select(r.c.id, r.c.clip_id).where(r.c.predicted.is_not(None), r.c.clip_id.in_([p.clip for p in proposals]))
        ).mappings()
    }
    for each in proposals:
        row = {name: getattr(each, name) for name in ("person", "start_s", "end_s", "reason", "priority", "predicted")}
        if each.clip in known:
            again = {"state": "open", "answer": null(), "answered_by": None, "answered_at": None}
            connection.execute(update(r).where(r.c.id == known[each.clip]).values(row | again))
        else:
            row |= {"clip_id": each.clip, "medium_id": medium_id(connection, each.medium), "added_by": added_by}
            connection.execute(insert(r).values(row))


def proposed_clips(connection: Connection) -> dict[int, str]:
    """Return the clips that are proposed or were answered, with the item's state; withdrawn ones are left out."""
    r = schema.review_item.c
    query = select(r.clip_id, r.state).where(r.predicted.is_not(None), r.clip_id.is_not(None))
    query = query.where(or_(r.answer.is_(None), r.answer != GONE))
    return {row.clip_id: row.state for row in connection.execute(query)}


def close_answered(connection: Connection, by: str) -> int:
    """Close open items whose clip has been labelled or ended by other ways; return how many there were."""
    r, c = schema.review_item, schema.clip.c
    over = select(c.id).where(or_(c.activity.is_not(None), c.valid_to.is_not(None)))
    query = update(r).where(r.c.predicted.is_not(None), r.c.state == "open", r.c.clip_id.in_(over))
    return int(
        connection.execute(query.values(state="done", answer=GONE, answered_by=by, answered_at=func.now())).rowcount
    )


def withdraw(connection: Connection, by: str) -> int:
    """Withdraw what is open, so that it may be chosen anew; return how many there were."""
    r = schema.review_item
    query = update(r).where(r.c.predicted.is_not(None), r.c.state == "open")
    values = {"state": "dismissed", "answer": GONE, "answered_by": by, "answered_at": func.now()}
    return int(connection.execute(query.values(values)).rowcount)


def label_item(connection: Connection, item: RowMapping, activity: str | None, by: str, reply: dict[str, Any]) -> None:
    """Answer an open item: its clip gets the activity, and with None none, and is not proposed again.

    Errors: InputError where the item asks for no activity, is closed, or its clip has been changed since.
    """
    if item["predicted"] is None or item["clip"] is None:
        raise InputError(f"review item {item['item']} asks about poses, not about an activity")
    if item["state"] != "open":
        raise InputError(f"review item {item['item']} is {item['state']}: see `posemill review list --state all`")
    if activity is not None:
        correct_clip(connection, item["clip"], by, activity=activity)
    state = "dismissed" if activity is None else "done"
    answer(connection, [item["item"]], state, annotated_by=by, reply=reply | {"activity": activity})
