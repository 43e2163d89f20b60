"""Erasures: what is being erased, so that one that was killed is finished; afterwards what was, by digests only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from posemill.store.schema import erasure


@dataclass(frozen=True)
class Targets:
    """What one erasure removes.

    subject   name; None once it is done, and where media were named.
    salt, subject_digest  SHA-256 of salt and name: whoever knows the name finds the erasure, nobody reads it there.
    media     digests of media, of their blurred copies and of what clients uploaded of them.
    files     digests of what was made of them in the store: poses, tracks, ground truth, lineage.
    paths     of the store, relative: where those are.
    objects   MD5 of DVC's objects.
    versions  numbers of the model versions that were trained or chosen with them.
    folders   of the workspace, relative: outputs of stages that are removed.
    """

    subject: str | None = None
    salt: str = ""
    subject_digest: str = ""
    media: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    removed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_subject(cls, subject: str, **lists: Any) -> Targets:
        """Return them with the name and its salted digest."""
        salt = secrets.token_hex(16)
        return cls(subject=subject, salt=salt, subject_digest=salted(salt, subject), **lists)

    def is_of(self, subject: str) -> bool:
        """True if they are of that subject."""
        return bool(self.salt) and salted(self.salt, subject) == self.subject_digest

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Targets:
        """Read them from a row."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        return cls(**values)


def salted(salt: str, subject: str) -> str:
    """Return the digest by which a name is known."""
    return hashlib.sha256(f"{salt}:{subject}".encode()).hexdigest()


def begin(connection: Connection, targets: Targets, added_by: str) -> int:
    """Write down what is to be erased; return the number of the erasure."""
    row = {"targets": asdict(targets), "added_by": added_by}
    return int(connection.execute(insert(erasure).values(row).returning(erasure.c.id)).scalar_one())


def note(connection: Connection, number: int, targets: Targets) -> None:
    """Write down what has become of it so far."""
    connection.execute(update(erasure).where(erasure.c.id == number).values(targets=asdict(targets)))


def finish(connection: Connection, number: int, targets: Targets, record_digest: str) -> None:
    """Mark an erasure as done; the name is no longer in the row."""
    said = {**asdict(targets), "subject": None}
    values = {"targets": said, "record_digest": record_digest, "state": "done", "ended_at": func.now()}
    connection.execute(update(erasure).where(erasure.c.id == number).values(values))


def erasures(connection: Connection, state: str | None = None) -> list[RowMapping]:
    """Return all erasures (in that state), oldest first."""
    query = select(erasure).order_by(erasure.c.id)
    if state is not None:
        query = query.where(erasure.c.state == state)
    return list(connection.execute(query).mappings())
