"""Entries: files to add with their clip fields, from a folder or a manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError, UnreadableMedia
from posemill.store import catalog
from posemill.store.clip_fields import ClipFields, clip_values
from posemill.store.media import MediaStore
from posemill.video.container import open_file

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BATCH = 50  # files whose rows are committed together: a stopped `add` goes on from there when repeated


@dataclass(frozen=True)
class _OfFile:
    path: Path
    source: str


@dataclass(frozen=True)
class Entry(ClipFields, _OfFile):
    """One file, or an interval of it: `path`, `source` (the name under which people know it), then the clip fields."""


@dataclass(slots=True)
class Added:
    """Result of adding entries: counts of media and clips; `completed` clips were filled in where they were empty.

    unreadable  source and reason of each file that could not be read at all; they are in quarantine.
    """

    files: int = 0
    media_added: int = 0
    media_known: int = 0
    clips_added: int = 0
    clips_completed: int = 0
    conflicts: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def add_entries(
    engine: Engine,
    store: MediaStore,
    entries: Sequence[Entry],
    *,
    dataset: str,
    annotated_by: str,
    privacy: str | None = None,
    advance: Callable[[], object] = lambda: None,
) -> Added:
    """Put every file into the store once, then its medium and clips into the database, in batches.

    privacy  what becomes of videos once they are posed, see catalog.MediumRow.
    A file that cannot be read goes to quarantine, and the others go on. Errors: Unavailable for a store that is
    full, or store and database that are away.
    """
    grouped = [(path, list(rows)) for path, rows in groupby(sorted(entries, key=lambda e: str(e.path)), _path)]
    total = Added()
    for start in range(0, len(grouped), BATCH):
        digests, media, clips, unread = {}, [], [], []
        for path, rows in grouped[start : start + BATCH]:
            try:
                digest = _put(store, path)
            except UnreadableMedia as exc:
                unread.append((rows[0], printable(str(exc))))
            else:
                digests[file_url(path)] = digest
                media.append(catalog.MediumRow(digest, dataset, rows[0].source, annotated_by, privacy=privacy))
                clips += [catalog.ClipRow(medium=digest, annotated_by=annotated_by, **clip_values(row)) for row in rows]
            advance()
        with engine.begin() as connection:
            fresh = catalog.add_media(connection, media)
            outcome = catalog.add_clips(connection, clips)
            catalog.release_readable(connection, digests, annotated_by)
            for entry, reason in unread:
                _quarantine(connection, entry, reason, dataset, annotated_by)
        total.files += len(media)
        total.media_added += fresh
        total.media_known += len(media) - fresh
        total.clips_added += outcome.added
        total.clips_completed += outcome.completed
        total.conflicts += outcome.conflicts
        total.unreadable += tuple((entry.source, reason) for entry, reason in unread)
    return total


def _put(store: MediaStore, path: Path) -> str:
    """Store a file. Errors: UnreadableMedia where none can be read to its end, or it changes meanwhile."""
    with open_file(path):  # a pipe would be waited for
        pass
    try:
        return store.put(path)
    except OSError as exc:  # the store's own are Unavailable
        raise UnreadableMedia(f"{path} cannot be read to its end: {exc.strerror}") from exc
    except InputError as exc:
        raise UnreadableMedia(f"{exc}; it changed while it was added: add it again") from exc


def _quarantine(connection: Connection, entry: Entry, reason: str, dataset: str, annotated_by: str) -> None:
    row = catalog.add_address(
        connection, file_url(entry.path), dataset=dataset, source=entry.source, added_by=annotated_by
    )
    catalog.quarantine(connection, "medium", stage="ingest", reason=reason, added_by=annotated_by, medium_row=row)


def file_url(path: Path) -> str:
    """Return the file as a URL that `fetch_uri` reads."""
    return f"file://{printable(str(path))}"


def printable(text: str) -> str:
    """Escape bytes that are no UTF-8 and control characters: the result is one line that a database takes.

    Examples:
        >>> printable("two\\nlines")
        'two\\\\nlines'
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _path(entry: Entry) -> Path:
    return entry.path
