"""References to clips and media, as people write them: numbers, beginnings of digests, sources and files.

A word of digits may be the number of a clip or the beginning of a medium's digest, whatever its length. Where it is
only one of them that is meant; where it is both it is refused, and `clip:` or `medium:` before it says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.clips import clips, get_clip
from posemill.store.media import digest_of
from posemill.store.media_rows import MIN_DIGITS, find_medium

CLIP, MEDIUM = "clip:", "medium:"
HELP = "a medium (the beginning of its digest) or a clip (its number); clip:N and medium:DIGEST where it could be both"
_HEX = frozenset("0123456789abcdef")
_LONGEST = 18  # digits of a number that the database can hold


@dataclass(frozen=True, slots=True)
class Reference:
    """A medium, or with `clip` an interval of it."""

    medium: RowMapping
    clip: RowMapping | None = None

    @property
    def start_s(self) -> float:
        """Start of the clip, seconds of the medium; 0 for a whole medium."""
        return 0.0 if self.clip is None else float(self.clip["start_s"])

    @property
    def end_s(self) -> float:
        """End of the clip, seconds of the medium; infinity for a whole medium or a clip to its end."""
        return float("inf") if self.clip is None or self.clip["end_s"] is None else float(self.clip["end_s"])


def resolve(connection: Connection, reference: str) -> Reference:
    """Return the clip of a number, or the medium that a digest begins: `12`, `3fa9c1`, `clip:123456`, `medium:123456`.

    Errors: InputError when nothing is meant, more than one medium, or both a clip and a medium.
    """
    if reference.startswith(MEDIUM):
        return Reference(find_medium(connection, reference.removeprefix(MEDIUM)))
    number = _number(reference.removeprefix(CLIP))
    if reference.startswith(CLIP):
        if number is None:
            raise InputError(f"{reference!r} names no clip: expected {CLIP} and a number, such as {CLIP}12")
        return _of_clip(connection, get_clip(connection, number))
    if number is None:
        return Reference(find_medium(connection, reference))
    rows = clips(connection, numbers=[number])
    digests = _digests(connection, reference)
    if rows and digests:
        raise InputError(
            f"{reference} is both clip {number} and the beginning of medium {digests[0][:12]}: "
            f"write {CLIP}{reference} or {MEDIUM}{reference}"
        )
    if digests:
        return Reference(find_medium(connection, reference))
    return _of_clip(connection, rows[0] if rows else get_clip(connection, number))


def find_any_medium(connection: Connection, which: str) -> RowMapping:
    """Return the medium of a number, a whole or beginning digest, a source, or the path of its file.

    Errors: InputError when there is none, or more than one.
    """
    table = schema.medium
    if Path(which).is_file():
        where: ColumnElement[bool] = table.c.digest == digest_of(Path(which))
    else:
        where = (table.c.digest == which) | (table.c.source == which)
        if (number := _number(which)) is not None:
            where |= table.c.id == number
        if len(which) >= MIN_DIGITS and set(which) <= _HEX:
            where |= table.c.digest.startswith(which)
    rows = connection.execute(select(table).where(where, table.c.duplicate_of.is_(None)).limit(2)).mappings().all()
    if len(rows) != 1:
        count = "no medium is" if not rows else "more than one medium is"
        raise InputError(
            f"{count} {which!r} (a digest or its beginning, a number, a source or a file): see `posemill media`"
        )
    return rows[0]


def _of_clip(connection: Connection, clip: RowMapping) -> Reference:
    if clip["medium"] is None:
        raise InputError(f"the bytes of clip {clip['clip']}'s medium were never fetched: `dvc repro`")
    return Reference(find_medium(connection, clip["medium"]), clip)


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _LONGEST else None


def _digests(connection: Connection, beginning: str) -> list[str]:
    """Digests that begin so, at most two; none for fewer digits than a digest needs."""
    if len(beginning) < MIN_DIGITS:
        return []
    digest = schema.medium.c.digest
    return [str(d) for d in connection.scalars(select(digest).where(digest.startswith(beginning)).limit(2))]
