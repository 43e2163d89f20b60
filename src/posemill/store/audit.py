"""Audit trail: who changed what, when and from where; every entry holds the digest of the one before.

Triggers of the tables write it, so plain SQL of another system is in it too. An entry tells the table, the numbers of
the rows and the digest of their content, never the content: what a client asks to be erased must not live on here. An
entry takes its place in the chain when its transaction commits.

The chain finds an entry that was changed, removed or put in between. Whoever owns the database could write a new chain
from some entry on, or cut off its end: that is found by a head that was kept elsewhere (`Head`), as every hand-over
bundle and backup does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, RowMapping, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from posemill.errors import InputError
from posemill.store.schema import audit, audit_head

_BATCH = 5_000
_APPEND = text("SELECT audit_append(:action, :object, :rows, NULL, NULL, :details)").bindparams(
    bindparam("action", type_=Text), bindparam("rows", type_=BigInteger), bindparam("details", type_=JSONB)
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: its number and its digest. Number 0: there is none."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Outcome of a verification.

    entries  how many were read.
    head     the newest of them.
    faults   a sentence each; none where every entry is as it was written.
    """

    entries: int
    head: Head
    faults: tuple[str, ...]


def record(
    connection: Connection,
    action: str,
    what: str,
    *,
    rows: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record something that no table shows, such as an export. Details name things by number or digest."""
    given = {"action": action, "object": what, "rows": rows, "details": dict(details) if details else None}
    connection.execute(_APPEND, given)


@contextmanager
def acting(connection: Connection, actor: str) -> Iterator[None]:
    """Name the actor of what this transaction changes within the block, such as the client of a key."""
    before = connection.scalar(select(func.current_setting("posemill.actor", True)))
    connection.execute(select(func.set_config("posemill.actor", actor, True)))
    yield
    connection.execute(select(func.set_config("posemill.actor", before or "", True)))


def head(connection: Connection) -> Head:
    """Return the newest entry's number and digest, to be kept elsewhere."""
    return Head(*connection.execute(select(audit_head.c.number, audit_head.c.digest)).one())


def entries(
    connection: Connection, limit: int = 50, *, what: str | None = None, actor: str | None = None
) -> list[RowMapping]:
    """Return the newest entries first: number, at, actor, origin, action, object, rows, ids, content, details."""
    c = audit.c
    query = select(c.number, c.at, c.actor, c.origin, c.action, c.object, c.rows, c.ids, c.content, c.details)
    if what is not None:
        query = query.where(c.object == what)
    if actor is not None:
        query = query.where(c.actor == actor)
    return list(connection.execute(query.order_by(c.id.desc()).limit(limit)).mappings())


def verify(connection: Connection, kept: Head | None = None) -> AuditCheck:
    """Read every entry in the order of the chain, and compute its digest again.

    kept  a head from elsewhere: the entry of that number must have that digest.
    """
    query = text(
        "SELECT number, previous, digest, audit_text(audit) AS said FROM audit WHERE number IS NOT NULL ORDER BY number"
    )
    before, count, faults = Head(0, ""), 0, []
    found = kept is None or kept.number == 0
    rows = connection.execution_options(yield_per=_BATCH).execute(query)
    for row in rows.mappings():
        count += 1
        if row["number"] != before.number + 1:
            faults.append(_missing(before.number + 1, row["number"] - 1))
        elif row["previous"] != before.digest:
            faults.append(f"entry {row['number']} does not follow from entry {before.number}: one of them was changed")
        if hashlib.sha256(row["said"].encode()).hexdigest() != row["digest"]:
            faults.append(f"entry {row['number']} was changed after it was written")
        if kept is not None and row["number"] == kept.number:
            found = True
            if row["digest"] != kept.digest:
                faults.append(f"entry {kept.number} is not the one that was kept elsewhere: the chain was written anew")
        before = Head(row["number"], row["digest"])
    stored = head(connection)
    if kept is not None and not found:
        faults.append(f"the chain ends before entry {kept.number}, which was kept elsewhere: its end was cut off")
    if stored != before:
        faults.append(
            f"the newest entry should be {stored.number}, is {before.number}: the end of the chain is missing"
        )
    return AuditCheck(count, before, tuple(faults))


def parse_head(said: str) -> Head:
    """Read a head as `posemill audit head` prints it, NUMBER:DIGEST. Errors: InputError."""
    number, _, digest = said.strip().partition(":")
    if not number.isdigit() or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InputError(
            f"a head of the audit trail is NUMBER:SHA-256, as `posemill audit head` prints it; came {said!r}"
        )
    return Head(int(number), digest)


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
