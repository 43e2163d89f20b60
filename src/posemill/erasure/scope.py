"""Media of a person: those whose current clips name the subject, and copies of them that came by another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, or_, select

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.references import find_any_medium

M, C = schema.medium.c, schema.clip.c


@dataclass(frozen=True)
class Scope:
    """Whose data: a subject, or media.

    media   rows of the media, duplicates too.
    others  subjects who are in the same media: their clips of these go too.
    strays  clips that named the subject before a correction, in media of others.
    """

    subject: str | None
    media: tuple[RowMapping, ...]
    others: tuple[str, ...] = ()
    strays: tuple[int, ...] = ()

    @property
    def ids(self) -> list[int]:
        """Numbers of the media."""
        return [row["id"] for row in self.media]

    @property
    def digests(self) -> set[str]:
        """Digests of the media, and of the copies of them with blurred faces."""
        return {row[key] for row in self.media for key in ("digest", "blurred_digest") if row[key]}


def scope_of(connection: Connection, subject: str | None, media: Sequence[str]) -> Scope:
    """Find the media of a subject, or these media (digest, beginning of one, number, source or file).

    Errors: InputError for a subject or a medium that is not known.
    """
    if subject is None:
        return _scope(connection, None, {find_any_medium(connection, which)["id"] for which in media})
    # a clip that was corrected says nothing any more; one that ended without another in its place still does
    named = select(C.medium_id).where(C.subject == subject, C.superseded_by.is_(None))
    ids = set(connection.scalars(named))
    known = connection.scalar(select(schema.subject.c.name).where(schema.subject.c.name == subject))
    if known is None and not ids:
        raise InputError(f"no subject is called {subject!r}: `posemill media --clips` lists clips with their subjects")
    return _scope(connection, subject, ids)


def _scope(connection: Connection, subject: str | None, ids: set[int]) -> Scope:
    rows = connection.execute(
        select(schema.medium).where(or_(M.id.in_(ids), M.duplicate_of.in_(ids))).order_by(M.id)
    ).mappings()
    media = tuple(rows)
    ids = {row["id"] for row in media}
    shown = select(C.subject).where(C.medium_id.in_(ids), C.valid_to.is_(None), C.subject.is_not(None)).distinct()
    others = sorted(set(connection.scalars(shown)) - {subject})
    strays: Sequence[int] = ()
    if subject is not None:
        strays = connection.scalars(select(C.id).where(C.subject == subject, C.medium_id.not_in(ids))).all()
    return Scope(subject, media, tuple(others), tuple(strays))
